import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dashboard } from '../api/live';
import { PanelHead } from '../app/panel';
import panel from '../app/panel.module.css';
import { TimeSeries } from '../chart/time-series';
import { type Format, useFormat } from '../format/format';
import { epochSeconds, type Measure, measureOf, type Point } from './measures';
import layout from './panels.module.css';

interface PanelsProps {
  dashboard: Dashboard;
  series: readonly Point[];
  settled: number;
}

/** The measures minute by minute, as small multiples whose cursors move together. */
export function Panels(props: PanelsProps) {
  const { t } = useTranslation();
  return (
    <div className={layout.panels}>
      <section className={`${panel.panel} ${layout.wide}`} aria-label={t('chart.traffic')}>
        <Plot {...props} measure="impressions" height={136} markLabel showTimes={false} />
        <Plot {...props} measure="clicks" height={142} showTimes />
      </section>
      <section className={panel.panel} aria-label={t('measure.ctr')}>
        <Plot {...props} measure="ctr" height={136} showTimes />
      </section>
      <section className={panel.panel} aria-label={t('measure.revenue')}>
        <Plot {...props} measure="revenue" height={136} showTimes />
      </section>
    </div>
  );
}

interface PlotProps extends PanelsProps {
  measure: Measure;
  height: number;
  showTimes: boolean;
  /** Whether the tidemark carries its time; once in a column is enough. */
  markLabel?: boolean;
}

function Plot({ dashboard, series, settled, measure, height, showTimes, markLabel = false }: PlotProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const [inspected, setInspected] = useState<number | null>(null);
  const columns = useMemo(
    () => ({
      starts: series.map(point => point.start),
      values: series.map(point => measureOf(measure, point)),
      states: series.map(point => point.state),
    }),
    [series, measure],
  );

  const texts = measureTexts(measure, format, dashboard.currency);
  const finalUntil = dashboard.final_until === null ? null : epochSeconds(dashboard.final_until);
  const finalLabel =
    markLabel && finalUntil !== null ? `${t('tide.label')} ${format.time(finalUntil * 1000)}` : '';
  const parts = (index: number) => {
    const point = series[index];
    if (!point) return null;
    const value = columns.values[index] ?? null;
    return {
      minute: format.minute(point.start * 1000),
      value: value === null ? '–' : texts.full(value),
      state: t(`state.${point.state}`),
    };
  };
  const shown = parts(Math.min(inspected ?? series.length - 1, series.length - 1));
  const name = t(`measure.${measure}`);

  return (
    <>
      <PanelHead title={name} note={t('chart.perMinute')}>
        {shown && (
          <span className={layout.readout} aria-hidden>
            {shown.minute} · <b>{shown.value}</b> · {shown.state}
          </span>
        )}
      </PanelHead>
      <TimeSeries
        {...columns}
        label={t('chart.inspect', { name })}
        settledMinutes={settled}
        finalUntil={finalUntil}
        finalLabel={finalLabel}
        height={height}
        showTimes={showTimes}
        fromZero={measure !== 'ctr'}
        formatAxis={texts.axis}
        formatTime={format.minute}
        describe={index => Object.values(parts(index) ?? {}).join(', ')}
        onInspect={setInspected}
      />
    </>
  );
}

/** How values of a measure read on an axis and in full. */
function measureTexts(measure: Measure, format: Format, currency: string) {
  switch (measure) {
    case 'ctr':
    case 'errors':
      return { axis: format.percent, full: format.percent };
    case 'revenue':
      return {
        axis: (value: number) => format.moneyCompact(value, currency),
        full: (value: number) => format.money(value, currency),
      };
    default:
      return { axis: format.compact, full: format.count };
  }
}
