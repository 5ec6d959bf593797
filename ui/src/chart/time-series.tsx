import { useComputedColorScheme } from '@mantine/core';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { MinuteState } from '../api/live';
import { type ChartPalette, chartPalette } from './palette';
import { type Column, minuteAt, splitSteps } from './steps';
import classes from './time-series.module.css';

const STEP_SECONDS = 60;
/** Charts with this key show the same minute under their cursors. */
const SYNC_KEY = 'minutes';
/** The plot never shows less than this, so that the first minutes of a new system do not fill it. */
const SPAN_SECONDS_MIN = 10 * STEP_SECONDS;
const SPAN_SECONDS_MAX = 60 * STEP_SECONDS;
const FONT = '11px "Inter Variable", system-ui, "Noto Sans CJK SC", sans-serif';
const AXIS_HEIGHT = 26;
const AXIS_WIDTH = 46;
/** Width of a plot from which the time axis has room for a label every five minutes. */
const TICK_SPACE = 58;
/** A time label this close to the right edge would be cut off. */
const TICK_EDGE = 18;

export interface TimeSeriesProps {
  /** Name of what is drawn, for assistive technology. */
  label: string;
  /** Start of each minute, epoch seconds, ascending. */
  starts: readonly number[];
  values: Column;
  states: readonly MinuteState[];
  /** How many minutes from the oldest on are settled. */
  settledMinutes: number;
  /** Epoch seconds; null while nothing is final. */
  finalUntil: number | null;
  /** Drawn beside the tidemark; empty for none. */
  finalLabel: string;
  height: number;
  showTimes: boolean;
  /** Ratios may start above zero; counts always start at zero. */
  fromZero: boolean;
  formatAxis(value: number): string;
  formatTime(epochMs: number): string;
  /** The text of one minute, as read out and shown when it is inspected. */
  describe(index: number): string;
  /** Tells which minute is under the cursor, or null when none is. */
  onInspect(index: number | null): void;
}

/**
 * A stepped series of minutes on uPlot. Left of the tidemark it is drawn solid, right of it dashed on a shaded band.
 * The cursors of all charts in a page move together, by mouse or arrow keys.
 */
export function TimeSeries(props: TimeSeriesProps) {
  const scheme = useComputedColorScheme('light');
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [inspected, setInspected] = useState<number | null>(null);

  const { height, showTimes, starts, values, settledMinutes, finalUntil } = props;
  const data = useMemo<uPlot.AlignedData>(() => {
    const steps = splitSteps(starts, values, settledMinutes, STEP_SECONDS);
    return [steps.times, steps.settled, steps.unsettled];
  }, [starts, values, settledMinutes]);
  const firstData = useRef(data);
  firstData.current = data;

  useEffect(() => {
    const element = host.current!;
    const inspect = (index: number | null) => {
      setInspected(index);
      latest.current.onInspect(index);
    };
    const options = plotOptions(chartPalette[scheme], latest, inspect, {
      height,
      showTimes,
      width: element.clientWidth,
    });
    const created = new uPlot(options, firstData.current, element);
    plot.current = created;
    const observer = new ResizeObserver(() => created.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = undefined;
    };
  }, [scheme, height, showTimes]);

  // finalUntil is drawn by a hook, so a change of it alone must draw again too.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => {
    plot.current?.setData(data);
  }, [data, finalUntil]);

  const onKeyDown = (event: KeyboardEvent) => {
    const newest = starts.length - 1;
    const current = inspected ?? newest;
    const next = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: newest }[event.key];
    if (next === undefined || newest < 0) {
      if (event.key === 'Escape') moveCursors(null);
      return;
    }
    event.preventDefault();
    moveCursors(starts[Math.min(newest, Math.max(0, next))]! + STEP_SECONDS / 2);
  };

  const shown = inspected ?? starts.length - 1;
  return (
    <div
      ref={host}
      className={classes.chart}
      style={{ height }}
      role="slider"
      tabIndex={0}
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, starts.length - 1)}
      aria-valuenow={Math.max(0, shown)}
      aria-valuetext={shown >= 0 ? props.describe(shown) : ''}
      onKeyDown={onKeyDown}
      onBlur={() => moveCursors(null)}
    />
  );
}

/** Moves the cursors of all charts to a time, or away. */
function moveCursors(time: number | null): void {
  for (const plot of uPlot.sync(SYNC_KEY).plots) {
    plot.setCursor(
      time === null ? { left: -10, top: -10 } : { left: plot.valToPos(time, 'x'), top: 1 },
      true,
    );
  }
}

function plotOptions(
  palette: ChartPalette,
  latest: { current: TimeSeriesProps },
  inspect: (index: number | null) => void,
  size: { width: number; height: number; showTimes: boolean },
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: palette.axis,
    font: FONT,
    ticks: { show: false },
    grid: { stroke: palette.grid, width: 1 },
  };
  return {
    width: size.width,
    height: size.height,
    padding: [10, 0, size.showTimes ? 0 : 6, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC_KEY },
      drag: { x: false, y: false, setScale: false },
      y: false,
      points: { show: false },
    },
    scales: {
      x: { time: true, range: (_plot, low, high) => timeRange(low, high) },
      y: {
        range: (_plot, low, high) =>
          latest.current.fromZero
            ? [0, uPlot.rangeNum(0, high || 1, 0.12, true)[1]!]
            : uPlot.rangeNum(low ?? 0, high || 1, 0.2, false),
      },
    },
    axes: [
      {
        ...axis,
        show: size.showTimes,
        size: AXIS_HEIGHT,
        gap: 8,
        space: TICK_SPACE,
        grid: { show: false },
        incrs: [1, 2, 5, 10, 15, 30].map(minutes => minutes * STEP_SECONDS),
        values: (plot, times) =>
          times.map(time => {
            const fits = plot.valToPos(time, 'x') < plot.bbox.width / uPlot.pxRatio - TICK_EDGE;
            return fits ? latest.current.formatTime(time * 1000) : '';
          }),
      },
      {
        ...axis,
        size: AXIS_WIDTH,
        gap: 6,
        space: 26,
        values: (_plot, ticks) => ticks.map(tick => latest.current.formatAxis(tick)),
      },
    ],
    series: [
      {},
      {
        stroke: palette.water,
        width: 1.5,
        paths: uPlot.paths.stepped!({ align: 1 }),
        points: { show: false },
        // Below a line that does not start at zero an area would mislead.
        fill: plot => (latest.current.fromZero ? waterFill(plot, palette) : 'transparent'),
      },
      {
        stroke: palette.unsettled,
        width: 1.5,
        dash: [3, 3],
        paths: loosePaths,
        points: { show: false },
        fill: () => (latest.current.fromZero ? palette.unsettledFill : 'transparent'),
      },
    ],
    hooks: {
      drawClear: [plot => drawBand(plot, palette, latest.current)],
      draw: [
        plot => drawStates(plot, palette, latest.current),
        plot => drawMark(plot, palette, latest.current),
      ],
      setCursor: [
        plot => {
          const left = plot.cursor.left ?? -1;
          const { starts } = latest.current;
          inspect(left < 0 || starts.length === 0 ? null : minuteAt(starts, plot.posToVal(left, 'x')));
        },
      ],
    },
  };
}

/** Steps without risers: numbers that still move are not joined to one another. */
const loosePaths: uPlot.Series.PathBuilder = (plot, seriesIndex, first, last) => {
  const times = plot.data[0];
  const values = plot.data[seriesIndex]!;
  const stroke = new Path2D();
  const fill = new Path2D();
  const foot = plot.bbox.top + plot.bbox.height;
  for (let index = first; index < last; index += 1) {
    const value = values[index];
    if (value === null || value === undefined) continue;
    const from = plot.valToPos(times[index]!, 'x', true);
    const until = plot.valToPos(times[index + 1]!, 'x', true);
    const y = plot.valToPos(value, 'y', true);
    stroke.moveTo(from, y);
    stroke.lineTo(until, y);
    fill.rect(from, y, until - from, foot - y);
  }
  return { stroke, fill };
};

function timeRange(low: number | null, high: number | null): uPlot.Range.MinMax {
  const end = high ?? Date.now() / 1000;
  const span = Math.min(SPAN_SECONDS_MAX, Math.max(SPAN_SECONDS_MIN, end - (low ?? end)));
  return [end - span, end];
}

function waterFill(plot: uPlot, palette: ChartPalette): CanvasGradient | string {
  const { top, height } = plot.bbox;
  if (!Number.isFinite(top) || height <= 0) return palette.waterFill[0];
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, palette.waterFill[0]);
  gradient.addColorStop(1, palette.waterFill[1]);
  return gradient;
}

/** Position of the tidemark in canvas pixels, kept inside the plot. */
function markX(plot: uPlot, finalUntil: number | null): number {
  const { left, width } = plot.bbox;
  const x = finalUntil === null ? left : plot.valToPos(finalUntil, 'x', true);
  return Math.min(left + width, Math.max(left, x));
}

function drawBand(plot: uPlot, palette: ChartPalette, { finalUntil, starts }: TimeSeriesProps): void {
  if (starts.length === 0) return;
  const { left, top, width, height } = plot.bbox;
  const x = markX(plot, finalUntil);
  plot.ctx.fillStyle = palette.band;
  plot.ctx.fillRect(x, top, left + width - x, height);
}

function drawMark(plot: uPlot, palette: ChartPalette, { finalUntil, finalLabel }: TimeSeriesProps): void {
  if (finalUntil === null) return;
  const { ctx, bbox } = plot;
  const pixel = uPlot.pxRatio;
  const x = Math.round(markX(plot, finalUntil));
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = palette.mark;
  ctx.lineWidth = 1.25 * pixel;
  ctx.setLineDash([4 * pixel, 3 * pixel]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top - 8 * pixel);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  if (finalLabel) {
    ctx.font = FONT.replace('11px', `${11 * pixel}px`);
    ctx.textAlign = 'right';
    ctx.textBaseline = 'middle';
    ctx.fillText(finalLabel, x - 6 * pixel, bbox.top - 3 * pixel);
  }
  ctx.restore();
}

/** Marks the minutes that are neither plainly final nor plainly running, along the foot of the plot. */
function drawStates(plot: uPlot, palette: ChartPalette, { starts, states }: TimeSeriesProps): void {
  const { ctx, bbox } = plot;
  const thickness = Math.round(3 * uPlot.pxRatio);
  states.forEach((state, index) => {
    if (state !== 'final_with_gap' && state !== 'blocked' && state !== 'amended') return;
    const from = plot.valToPos(starts[index]!, 'x', true);
    const until = plot.valToPos(starts[index]! + STEP_SECONDS, 'x', true);
    ctx.fillStyle = palette.state[state];
    ctx.fillRect(from, bbox.top + bbox.height - thickness, until - from, thickness);
  });
}
