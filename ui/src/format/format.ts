import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { type Language, LOCALE } from '../i18n';

/** A number as JavaScript has it, or the exact decimal text of a BIGINT or DECIMAL. */
export type Numeric = number | string;

/** From this many whole digits on, a headline number is shortened: longer ones do not fit a tile. */
const HEADLINE_DIGITS = 9;

/** Seconds of a day, an hour and a minute, each with the next smaller unit. */
const DURATIONS = [
  [86_400, 3_600],
  [3_600, 60],
  [60, 1],
] as const;

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** All texts made of numbers and times, for one language. Times are in the browser's zone. */
export interface Format {
  /** 1,234,567 */
  count(value: Numeric): string;
  /** 1.2M, 123万 */
  compact(value: number): string;
  /** How many a second: 0.4, 8.3, 42, 1.2K; no digit behind the point that would only flicker. */
  rate(value: number): string;
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
  /** 14:03:21 today, and with the date on any other day: Mar 1, 14:03:21 */
  moment(epochMs: number, now?: number): string;
  /** 14:03 */
  minute(epochMs: number): string;
  /** 12s, 3m 5s, 2h 1m, 3d 4h; negative ones count as zero. */
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
  const date = times({ month: 'short', day: 'numeric' });
  const dateOfYear = times({ year: 'numeric', month: 'short', day: 'numeric' });
  const year = times({ year: 'numeric' });
  const unit = (name: string, digits = 0) =>
    numbers({ style: 'unit', unit: name, unitDisplay: 'narrow', maximumFractionDigits: digits });
  const seconds = unit('second');
  const minutes = unit('minute');
  const hours = unit('hour');
  const days = unit('day');
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
    rate: value => {
      if (value < 10) return tenths.format(value);
      return value < 1000 ? count.format(value) : compact.format(value);
    },
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
    moment: (epochMs, now = Date.now()) => {
      const day = dateOfYear.format(epochMs);
      if (day === dateOfYear.format(now)) return time.format(epochMs);
      const sameYear = year.format(epochMs) === year.format(now);
      return `${sameYear ? date.format(epochMs) : day} ${time.format(epochMs)}`;
    },
    minute: epochMs => minute.format(epochMs),
    duration: ms => {
      const total = Math.max(0, Math.round(ms / 1000));
      const at = DURATIONS.findIndex(([size]) => total >= size);
      if (at === -1) return seconds.format(total);
      const [size, below] = DURATIONS[at]!;
      const units = [days, hours, minutes, seconds];
      const whole = units[at]!.format(Math.floor(total / size));
      const part = Math.floor((total % size) / below);
      return part > 0 ? `${whole} ${units[at + 1]!.format(part)}` : whole;
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
