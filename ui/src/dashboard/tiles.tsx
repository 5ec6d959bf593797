import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { Totals } from '../api/live';
import { Sparkline } from '../chart/sparkline';
import { type Format, useFormat } from '../format/format';
import { change, LOWER_IS_BETTER, MEASURES, type Measure, measureOf, type Point } from './measures';
import classes from './tiles.module.css';

/** A smaller relative change than this is neither good nor bad. */
const STEADY = 0.01;

interface TilesProps {
  totals: Totals;
  currency: string;
  series: readonly Point[];
  settled: number;
}

/** The headline numbers: sums since the start of the day, and how the last settled minutes compare. */
export function Tiles(props: TilesProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const since = t('tile.since', { time: format.minute(Date.parse(props.totals.since)) });
  return (
    <div className={classes.tiles}>
      {MEASURES.map(measure => (
        <Tile key={measure} {...props} measure={measure} since={since} format={format} />
      ))}
    </div>
  );
}

interface TileProps extends TilesProps {
  measure: Measure;
  since: string;
  format: Format;
}

function Tile({ measure, totals, currency, series, settled, since, format }: TileProps) {
  const { t } = useTranslation();
  const sparkline = useMemo(() => {
    // The running minute is only partly counted and would draw a cliff.
    const complete = series.at(-1)?.state === 'open' ? series.slice(0, -1) : series;
    return complete.map(point => measureOf(measure, point));
  }, [series, measure]);
  return (
    <section className={classes.tile} aria-label={t(`measure.${measure}`)} data-measure={measure}>
      <div className={classes.head}>
        <h2 className={classes.name}>{t(`measure.${measure}`)}</h2>
        <span className={classes.since}>{since}</span>
      </div>
      <p className={classes.value}>
        <Headline measure={measure} totals={totals} currency={currency} format={format} />
      </p>
      <p className={classes.foot}>
        <ChangeText measure={measure} series={series} format={format} />
      </p>
      <div className={classes.spark}>
        <Sparkline values={sparkline} settled={Math.min(settled, sparkline.length)} />
      </div>
    </section>
  );
}

type HeadlineProps = Pick<TileProps, 'measure' | 'totals' | 'currency' | 'format'>;

/** The number itself, with its exact value for programs that read the page. */
function Headline({ measure, totals, currency, format }: HeadlineProps) {
  switch (measure) {
    case 'impressions':
    case 'clicks':
      return <data value={totals[measure]}>{format.headline(totals[measure])}</data>;
    case 'revenue':
      return <data value={totals.revenue}>{format.moneyHeadline(totals.revenue, currency)}</data>;
    default: {
      const ratio = measureOf(measure, {
        impressions: Number(totals.impressions),
        clicks: Number(totals.clicks),
        revenue: Number(totals.revenue),
        errors: Number(totals.errors),
      });
      return ratio === null ? '–' : <data value={String(ratio)}>{format.percent(ratio)}</data>;
    }
  }
}

function ChangeText({
  measure,
  series,
  format,
}: {
  measure: Measure;
  series: readonly Point[];
  format: Format;
}) {
  const { t } = useTranslation();
  const compared = change(measure, series);
  if (!compared) return <span>{t('tile.changeLater')}</span>;
  const { ratio, minutes } = compared;
  const good = ratio > 0 !== LOWER_IS_BETTER.has(measure);
  const tone = Math.abs(ratio) < STEADY ? 'steady' : good ? 'good' : 'bad';
  return (
    <>
      <span className={classes.change} data-tone={tone}>
        <span aria-hidden>{ratio > 0 ? '↑' : ratio < 0 ? '↓' : '→'}</span> {format.change(ratio)}
      </span>{' '}
      <span className={classes.compared}>{t('tile.change', { minutes })}</span>
    </>
  );
}
