import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Language, LOCALE } from '../i18n';

/** A number as JavaScript has it, or the exact decimal text of a BIGINT or DECIMAL. */
export type Numeric = number | string;

/** From this many whole digits on, a headline number is shortened: longer ones do not fit a tile. */
const HEADLINE_DIGITS = 9;

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** All texts made of numbers and times, for one language. Times are in the browser's zone. */
export interface Format {
  /** 1,234,567 */
  count(value: Numeric): string;
  /** 1.2M, 123万 */
  compact(value: number): string;
  /** Whole number as long as it fits a tile, shortened with three decimals beyond. */
  headline(value: Numeric): string;
  /** 1.2 KB, 34 MB, in powers of 1,024 */
  bytes(value: number): string;
  /** 0.42; for processors. */
  decimal(value: number): string;
  /** 42% */
  part(ratio: number): string;
  /** 1.23% */
  percent(ratio: number): string;
  /** +4.2%, −0.3%; the sign is part of the text. */
  change(ratio: number): string;
  /** $1,234.56 */
  money(value: Numeric, currency: string): string;
  /** $1.2K; for axes. */
  moneyCompact(value: number, currency: string): string;
  /** $1,234 up to nine digits, shortened beyond. */
  moneyHeadline(value: Numeric, currency: string): string;
  /** 14:03:21 */
  time(epochMs: number): string;
  /** 14:03 */
  minute(epochMs: number): string;
  /** 12s, 3m 5s, 2h 1m; negative ones count as zero. */
  duration(ms: number): string;
  /** 420 ms, 1.2 s */
  latency(ms: number): string;
  /** What something has taken: 420 ms, 1.2 s, 12s, 3m 5s */
  taken(seconds: number): string;
}

function wholeDigits(value: Numeric): number {
  return String(value).replace(/^-/, '').split('.')[0]!.length;
}

/**
 * Intl takes decimal text and keeps every digit; its TypeScript type wants a literal.
 */
function exact(value: Numeric): number {
  return value as number;
}

export function makeFormat(locale: string, timeZone?: string): Format {
  const numbers = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(locale, options);
  const times = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { hourCycle: 'h23', ...(timeZone ? { timeZone } : {}), ...options });

  const count = numbers({ maximumFractionDigits: 0 });
  const compact = numbers({ notation: 'compact', maximumFractionDigits: 1 });
  const compactLong = numbers({ notation: 'compact', minimumFractionDigits: 3, maximumFractionDigits: 3 });
  const percent = numbers({ style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const part = numbers({ style: 'percent', maximumFractionDigits: 0 });
  const decimal = numbers({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const tenths = numbers({ maximumFractionDigits: 1 });
  const change = numbers({
    style: 'percent',
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    signDisplay: 'exceptZero',
  });
  const time = times({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const minute = times({ hour: '2-digit', minute: '2-digit' });
  const unit = (name: string, digits = 0) =>
    numbers({ style: 'unit', unit: name, unitDisplay: 'narrow', maximumFractionDigits: digits });
  const seconds = unit('second');
  const minutes = unit('minute');
  const hours = unit('hour');
  const short = (name: string, digits: number) =>
    numbers({
      style: 'unit',
      unit: name,
      unitDisplay: 'short',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  const latencyMs = short('millisecond', 0);
  const latencySeconds = numbers({ minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const secondsSign = locale.startsWith('zh') ? '秒' : 's';

  const moneyCache = new Map<string, Intl.NumberFormat>();
  const money = (currency: string, kind: 'full' | 'whole' | 'compact' | 'compactLong') => {
    const key = currency + kind;
    let format = moneyCache.get(key);
    if (!format) {
      const base = { style: 'currency', currency, currencyDisplay: 'narrowSymbol' } as const;
      const options: Record<typeof kind, Intl.NumberFormatOptions> = {
        full: base,
        whole: { ...base, maximumFractionDigits: 0 },
        compact: { ...base, notation: 'compact', maximumFractionDigits: 1 },
        compactLong: { ...base, notation: 'compact', minimumFractionDigits: 3, maximumFractionDigits: 3 },
      };
      format = numbers(options[kind]);
      moneyCache.set(key, format);
    }
    return format;
  };

  const texts: Format = {
    count: value => count.format(exact(value)),
    compact: value => compact.format(value),
    headline: value => (wholeDigits(value) > HEADLINE_DIGITS ? compactLong : count).format(exact(value)),
    bytes: value => {
      const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
      const size = value / 1024 ** power;
      return `${(size < 10 ? tenths : count).format(size)} ${UNITS[power]}`;
    },
    decimal: value => decimal.format(value),
    part: ratio => part.format(ratio),
    percent: ratio => percent.format(ratio),
    change: ratio => change.format(ratio).replace('-', '−'),
    money: (value, currency) => money(currency, 'full').format(exact(value)),
    moneyCompact: (value, currency) => money(currency, 'compact').format(value),
    moneyHeadline: (value, currency) =>
      money(currency, wholeDigits(value) > HEADLINE_DIGITS ? 'compactLong' : 'whole').format(exact(value)),
    time: epochMs => time.format(epochMs),
    minute: epochMs => minute.format(epochMs),
    duration: ms => {
      const total = Math.max(0, Math.round(ms / 1000));
      if (total < 60) return seconds.format(total);
      const [whole, part] =
        total < 3600
          ? [minutes.format(Math.floor(total / 60)), total % 60 && seconds.format(total % 60)]
          : [
              hours.format(Math.floor(total / 3600)),
              Math.floor((total % 3600) / 60) && minutes.format(Math.floor((total % 3600) / 60)),
            ];
      return part ? `${whole} ${part}` : whole;
    },
    latency: ms => (ms < 1000 ? latencyMs.format(ms) : `${latencySeconds.format(ms / 1000)} ${secondsSign}`),
    taken: seconds => (seconds < 10 ? texts.latency(seconds * 1000) : texts.duration(seconds * 1000)),
  };
  return texts;
}

/** The formatters of the page's language. */
export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => makeFormat(LOCALE[i18n.language as Language]), [i18n.language]);
}
