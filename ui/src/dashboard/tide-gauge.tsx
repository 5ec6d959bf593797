import { useTranslation } from 'react-i18next';
import { useFormat } from '../format/format';
import classes from './tide-gauge.module.css';

/** The wave repeats after this many units; the animation moves it by exactly one repetition. */
const WAVE_LENGTH = 96;
const WAVE_COUNT = 24;

/** A row of waves at height `y`, closed down to the foot. */
function wave(y: number, amplitude: number): string {
  const half = WAVE_LENGTH / 2;
  let path = `M0 ${y}`;
  for (let index = 0; index < WAVE_COUNT; index += 1) {
    path += ` q${half / 2} ${-amplitude} ${half} 0 q${half / 2} ${amplitude} ${half} 0`;
  }
  return `${path} V200 H0 Z`;
}

const NEAR_WAVE = wave(22, 13);
const FAR_WAVE = wave(18, 18);

/** Where times are written under the water, as shares of the span before now. */
const TICKS = [0.75, 0.5, 0.25] as const;

interface TideGaugeProps {
  /** Epoch seconds by the server's clock: the right edge. */
  now: number;
  finalUntil: number | null;
  /** Seconds from the left edge to the right one. */
  span: number;
  blocked: boolean;
  label: string;
}

/** The last moments as water: still where numbers are settled, moving where they are not. */
export function TideGauge({ now, finalUntil, span, blocked, label }: TideGaugeProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const share = finalUntil === null ? 0 : Math.min(1, Math.max(0, 1 - (now - finalUntil) / span));
  return (
    <div className={classes.gauge} role="img" aria-label={label} data-blocked={blocked || undefined}>
      <div className={classes.moving} style={{ transform: `translateX(${share * 100}%)` }}>
        <svg className={classes.far} aria-hidden>
          <path d={FAR_WAVE} />
        </svg>
        <svg className={classes.near} aria-hidden>
          <path d={NEAR_WAVE} />
        </svg>
      </div>
      <div className={classes.still} style={{ transform: `scaleX(${share})` }} />
      {finalUntil !== null && (
        <div className={classes.mark} style={{ transform: `translateX(${share * 100}%)` }} />
      )}
      <div className={classes.ticks} aria-hidden>
        {TICKS.map(part => (
          <span key={part} style={{ left: `${(1 - part) * 100}%` }}>
            −{format.duration(span * part * 1000)}
          </span>
        ))}
        <span className={classes.now}>{t('tide.now')}</span>
      </div>
    </div>
  );
}
