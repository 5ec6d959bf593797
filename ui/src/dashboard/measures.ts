import type { Dashboard, MinuteState } from '../api/live';

/** What a tile or a panel shows. `ctr` and `errors` are ratios, the others sums. */
export type Measure = 'impressions' | 'clicks' | 'ctr' | 'revenue' | 'errors';

export const MEASURES: readonly Measure[] = ['impressions', 'clicks', 'ctr', 'revenue', 'errors'];

/** Measures where growth is bad news. */
export const LOWER_IS_BETTER: ReadonlySet<Measure> = new Set(['errors']);

/** A minute as numbers, for drawing. Digits beyond 2^53 are lost here, where a pixel could not show them. */
export interface Point {
  /** Start of the minute, epoch seconds. */
  start: number;
  state: MinuteState;
  impressions: number;
  clicks: number;
  revenue: number;
  errors: number;
}

const MINUTE_SECONDS = 60;

const SETTLED: ReadonlySet<MinuteState> = new Set(['final', 'final_with_gap', 'amended']);

export function isSettled(state: MinuteState): boolean {
  return SETTLED.has(state);
}

export function epochSeconds(time: string): number {
  return Date.parse(time) / 1000;
}

/** The series as contiguous minutes: a minute that the server left out had no events. */
export function points(dashboard: Dashboard): Point[] {
  const finalUntil =
    dashboard.final_until === null ? Number.NEGATIVE_INFINITY : epochSeconds(dashboard.final_until);
  const filled: Point[] = [];
  for (const entry of dashboard.series) {
    const start = epochSeconds(entry.minute);
    const previous = filled.at(-1);
    for (let gap = (previous?.start ?? start) + MINUTE_SECONDS; gap < start; gap += MINUTE_SECONDS) {
      const state = gap + MINUTE_SECONDS <= finalUntil ? 'final' : 'provisional';
      filled.push({ start: gap, state, impressions: 0, clicks: 0, revenue: 0, errors: 0 });
    }
    filled.push({
      start,
      state: entry.state,
      impressions: Number(entry.impressions),
      clicks: Number(entry.clicks),
      revenue: Number(entry.revenue),
      errors: Number(entry.errors),
    });
  }
  return filled;
}

/** How many minutes from the oldest on are settled without a break. */
export function settledCount(series: readonly Point[]): number {
  const first = series.findIndex(point => !isSettled(point.state));
  return first === -1 ? series.length : first;
}

/** Sums that a measure can be read from. */
export type Sums = Pick<Point, 'impressions' | 'clicks' | 'revenue' | 'errors'>;

/** The measure of these sums; null where a ratio has nothing to divide by. */
export function measureOf(measure: Measure, sums: Sums): number | null {
  switch (measure) {
    case 'ctr':
      return sums.impressions > 0 ? sums.clicks / sums.impressions : null;
    case 'errors': {
      const requests = sums.impressions + sums.errors;
      return requests > 0 ? sums.errors / requests : null;
    }
    default:
      return sums[measure];
  }
}

function sum(series: readonly Point[]): Sums {
  const sums = { impressions: 0, clicks: 0, revenue: 0, errors: 0 };
  for (const point of series) {
    sums.impressions += point.impressions;
    sums.clicks += point.clicks;
    sums.revenue += point.revenue;
    sums.errors += point.errors;
  }
  return sums;
}

/** Compared spans are multiples of this; shorter ones would compare noise with noise. */
const COMPARE_MINUTES_STEP = 5;
const COMPARE_MINUTES_MAX = 30;

export interface Change {
  /** Relative: 0.1 is ten per cent more than before. */
  ratio: number;
  /** Length of each of the two compared spans. */
  minutes: number;
}

/**
 * The newest settled minutes against as many before them, at most half an hour each. Only settled minutes count, so
 * that a shown change does not wobble while late events come in. Null while there are too few of them.
 */
export function change(measure: Measure, series: readonly Point[]): Change | null {
  const settled = series.slice(0, settledCount(series));
  const steps = Math.floor(settled.length / 2 / COMPARE_MINUTES_STEP);
  const minutes = Math.min(COMPARE_MINUTES_MAX, steps * COMPARE_MINUTES_STEP);
  if (minutes === 0) return null;
  const after = measureOf(measure, sum(settled.slice(-minutes)));
  const before = measureOf(measure, sum(settled.slice(-2 * minutes, -minutes)));
  if (after === null || before === null || before === 0) return null;
  return { ratio: (after - before) / before, minutes };
}

/** How many minutes of the series are in each state. */
export function countStates(series: readonly Point[]): Record<MinuteState, number> {
  const counts = { open: 0, provisional: 0, final: 0, final_with_gap: 0, blocked: 0, amended: 0 };
  for (const point of series) counts[point.state] += 1;
  return counts;
}

/** Spans the gauge may show, in seconds. */
const GAUGE_SPANS = [60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400] as const;

/** Share of the gauge that the unsettled part may fill before the gauge takes a longer span. */
const UNSETTLED_SHARE_MAX = 0.5;

/** The span of the tide gauge for this lag: long enough that the settled part stays in sight. */
export function gaugeSpan(lagSeconds: number): number {
  const wanted = lagSeconds / UNSETTLED_SHARE_MAX;
  return GAUGE_SPANS.find(span => span >= wanted) ?? GAUGE_SPANS.at(-1)!;
}
