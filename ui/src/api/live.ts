/**
 * The contract of `GET /api/v1/live?topics=dashboard`: one server-sent-events stream per page.
 *
 * Rules of the stream
 * - The first event after connecting is always complete; the page keeps nothing across connections.
 * - Event `dashboard`, once a second, carries a whole {@link Dashboard} (not a difference) in one `data:` line.
 * - Event `problem` is sent instead when there is nothing to show (for example the demo tables do not exist);
 *   it carries a {@link Problem}. The stream stays open and `dashboard` follows once there is something.
 * - The page takes {@link SILENCE_LIMIT_MS} without any event for a dead connection and connects anew.
 * - BIGINT and DECIMAL travel as strings (JSON numbers lose digits above 2^53); counts and ratios of the
 *   moment (`ctr`, `events_per_second`, `freshness_ms`) are JSON numbers. Times are RFC 3339 in UTC.
 */

/** How far a minute is settled. The words are those of the progress API. */
export type MinuteState = 'open' | 'provisional' | 'final' | 'final_with_gap' | 'blocked' | 'amended';

/** One minute of the whole demo, over all campaigns. */
export interface Minute {
  /** Start of the minute. */
  minute: string;
  /**
   * `open`: the minute is still running. `provisional`: over, but late events may still come.
   * `final`: will not change. `final_with_gap`: final, with a known hole in its input.
   * `blocked`: over, and something keeps it from becoming final. `amended`: was final and has changed since.
   */
  state: MinuteState;
  /** BIGINT: ads shown. */
  impressions: string;
  /** BIGINT: clicks on them. */
  clicks: string;
  /** DECIMAL, in `Dashboard.currency`. */
  revenue: string;
  /** BIGINT: ad requests that failed; error rate is errors / (impressions + errors). */
  errors: string;
}

/** One row of the table of campaigns, over the same span as the series. */
export interface Campaign {
  campaign: string;
  impressions: string;
  clicks: string;
  /** clicks / impressions, 0 when there are no impressions. */
  ctr: number;
  revenue: string;
}

/** Sums from `since` until now, the running minute included; they only grow while `since` stays the same. */
export interface Totals {
  /** Start of the summed span: the start of the day in UTC, or of the first minute that has data if later. */
  since: string;
  impressions: string;
  clicks: string;
  revenue: string;
  errors: string;
}

export interface Ingest {
  /** Rows accepted by the server, averaged over the last few seconds. */
  events_per_second: number;
  /** Time from the acknowledgement of an event to its being visible in answers; null before the first event. */
  freshness_ms: number | null;
}

export interface Dashboard {
  /** The server's clock when it made this answer. */
  now: string;
  /**
   * Everything with an event time before this will not change; null while nothing is final yet. It moves with the
   * watermark, so every second or so, and not only when a minute becomes final.
   */
  final_until: string | null;
  /** Event time the slowest job of the page has passed; null before its first event. */
  watermark: string | null;
  /** What keeps `final_until` from moving (a source, a partition, a job), by name; null when nothing does. */
  blocked_by: string | null;
  /** What the numbers are from: where their evidence is. */
  tables?: string[];
  /** ISO 4217 code of every revenue on the page. */
  currency: string;
  /** The last 60 minutes, oldest first, at most one entry a minute; minutes without events may be left out. */
  series: Minute[];
  /** At most ten, by revenue, largest first. */
  campaigns: Campaign[];
  totals: Totals;
  ingest: Ingest;
}

export const LIVE_URL = '/api/v1/live?topics=dashboard';

/** Silence after which a connection counts as dead: five missed events. */
export const SILENCE_LIMIT_MS = 5_000;

const STATES: ReadonlySet<string> = new Set<MinuteState>([
  'open',
  'provisional',
  'final',
  'final_with_gap',
  'blocked',
  'amended',
]);

/**
 * Reads the data of a `dashboard` event. It checks what would otherwise break drawing later on, far from the
 * cause, and throws an Error that names the first wrong field.
 */
export function parseDashboard(text: string): Dashboard {
  const root = record(JSON.parse(text), 'dashboard');
  time(root.now, 'now');
  if (root.final_until !== null) time(root.final_until, 'final_until');
  if (root.watermark !== null) time(root.watermark, 'watermark');
  if (root.blocked_by !== null && typeof root.blocked_by !== 'string') throw wrong('blocked_by');
  if (typeof root.currency !== 'string' || !/^[A-Z]{3}$/.test(root.currency)) throw wrong('currency');
  if (root.tables !== undefined && !list(root.tables, 'tables').every(name => typeof name === 'string')) {
    throw wrong('tables');
  }
  list(root.series, 'series').forEach((entry, index) => {
    const name = `series[${index}]`;
    const minute = record(entry, name);
    time(minute.minute, `${name}.minute`);
    if (typeof minute.state !== 'string' || !STATES.has(minute.state)) throw wrong(`${name}.state`);
    measures(minute, name);
  });
  list(root.campaigns, 'campaigns').forEach((entry, index) => {
    const name = `campaigns[${index}]`;
    const campaign = record(entry, name);
    if (typeof campaign.campaign !== 'string') throw wrong(`${name}.campaign`);
    if (typeof campaign.ctr !== 'number') throw wrong(`${name}.ctr`);
    for (const key of ['impressions', 'clicks', 'revenue']) decimal(campaign[key], `${name}.${key}`);
  });
  const totals = record(root.totals, 'totals');
  time(totals.since, 'totals.since');
  measures(totals, 'totals');
  const ingest = record(root.ingest, 'ingest');
  if (typeof ingest.events_per_second !== 'number') throw wrong('ingest.events_per_second');
  if (ingest.freshness_ms !== null && typeof ingest.freshness_ms !== 'number')
    throw wrong('ingest.freshness_ms');
  return root as unknown as Dashboard;
}

function wrong(field: string): Error {
  return new Error(`live stream: unexpected value in ${field}`);
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name);
  return value as Record<string, unknown>;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(name);
  return value;
}

function time(value: unknown, name: string): void {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) throw wrong(name);
}

function decimal(value: unknown, name: string): void {
  if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value)) throw wrong(name);
}

function measures(row: Record<string, unknown>, name: string): void {
  for (const key of ['impressions', 'clicks', 'revenue', 'errors']) decimal(row[key], `${name}.${key}`);
}
