import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dashboard } from '../api/live';
import { TimeSeries } from '../chart/time-series';
import { type Format, useFormat } from '../format/format';
import { epochSeconds, type Measure, measureOf, type Point } from './measures';
import classes from './panel.module.css';
import layout from './panels.module.css';

interface PanelsProps {
  dashboard: Dashboard;
  series: readonly Point[];
  settled: number;
}

/** The measures minute by minute, as small multiples under one time axis. */
export function Panels(props: PanelsProps) {
  return (
    <div className={layout.panels}>
      <Panel {...props} measure="impressions" height={168} markLabel className={layout.wide} />
      <Panel {...props} measure="clicks" height={138} className={layout.wide} />
      <Panel {...props} measure="ctr" height={138} />
      <Panel {...props} measure="revenue" height={138} />
    </div>
  );
}

interface PanelProps extends PanelsProps {
  measure: Measure;
  height: number;
  /** Whether the tidemark carries its time; once in a column is enough. */
  markLabel?: boolean;
  className?: string | undefined;
}

function Panel({ dashboard, series, settled, measure, height, markLabel = false, className }: PanelProps) {
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
  const describe = (index: number) => {
    const point = series[index];
    if (!point) return '';
    const value = columns.values[index] ?? null;
    const number = value === null ? '–' : texts.full(value);
    return `${format.minute(point.start * 1000)}, ${number}, ${t(`state.${point.state}`)}`;
  };
  const shown = series[Math.min(inspected ?? series.length - 1, series.length - 1)];
  const value = shown ? measureOf(measure, shown) : null;
  const name = t(`measure.${measure}`);

  return (
    <section className={`${classes.panel} ${className ?? ''}`} aria-label={name}>
      <div className={classes.head}>
        <h2 className={classes.title}>{name}</h2>
        <span className={classes.note}>{t('chart.perMinute')}</span>
        {shown && (
          <span className={classes.readout} aria-hidden>
            {format.minute(shown.start * 1000)} · <b>{value === null ? '–' : texts.full(value)}</b> ·{' '}
            {t(`state.${shown.state}`)}
          </span>
        )}
      </div>
      <TimeSeries
        {...columns}
        label={t('chart.inspect', { name })}
        settledMinutes={settled}
        finalUntil={finalUntil}
        finalLabel={finalLabel}
        height={height}
        showTimes
        fromZero={measure !== 'ctr'}
        formatAxis={texts.axis}
        formatTime={format.minute}
        describe={describe}
        onInspect={setInspected}
      />
    </section>
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
