import { useId } from 'react';
import classes from './sparkline.module.css';
import type { Column } from './steps';

const WIDTH = 120;
const HEIGHT = 32;
const MARGIN = 2;
/** Fewer values have no shape, only a slope by chance. */
const VALUES_MIN = 5;

interface SparklineProps {
  values: Column;
  /** How many values from the first on are settled; the rest is drawn lighter. */
  settled: number;
}

/** The shape of a measure over the last hour, without axes; a decoration beside the number it belongs to. */
export function Sparkline({ values, settled }: SparklineProps) {
  const gradient = useId();
  const known = values.filter(value => value !== null);
  if (known.length < VALUES_MIN)
    return <svg className={classes.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden />;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const x = (index: number) => (index / (values.length - 1)) * WIDTH;
  const y = (value: number) => HEIGHT - MARGIN - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN);
  const line = (from: number, until: number) =>
    values
      .slice(from, until)
      .flatMap((value, offset) =>
        value === null ? [] : [`${x(from + offset).toFixed(1)},${y(value).toFixed(1)}`],
      )
      .join(' ');
  const still = line(0, settled);
  return (
    <svg className={classes.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden>
      <defs>
        <linearGradient id={gradient} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" className={classes.fillTop} />
          <stop offset="1" className={classes.fillFoot} />
        </linearGradient>
      </defs>
      {settled > 1 && (
        <polygon
          points={`0,${HEIGHT} ${still} ${x(settled - 1).toFixed(1)},${HEIGHT}`}
          fill={`url(#${gradient})`}
        />
      )}
      <polyline points={still} className={classes.still} />
      <polyline points={line(Math.max(0, settled - 1), values.length)} className={classes.moving} />
    </svg>
  );
}
