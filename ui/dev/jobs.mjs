/**
 * Simulated jobs and tables for working on their pages without the Go server: the answers of the API at a moment, for
 * each scenario. In `blocked` a job has too much to do, and another one fails and warns.
 */

/** @typedef {import('./feed.mjs').Scenario} Scenario */

const STARTED = Date.parse('2026-03-01T08:00:00Z');

/** Rows per second of the simulated job. */
const RATE = 48_000;

const rfc3339 = epochMs => new Date(epochMs).toISOString();

/** An operator; `share` is the part of the time that each of its two workers works. */
function operator(
  id,
  name,
  inputs,
  { share, rows, gives = rows, waits = 0, memory = null, details = [] },
  seconds,
) {
  const cpu = share * seconds;
  return {
    id,
    name,
    details,
    inputs,
    rows_in: Math.round(rows * seconds),
    rows_out: id === 0 ? 0 : Math.round(gives * seconds),
    bytes_in: Math.round(rows * seconds * 64),
    bytes_out: id === 0 ? 0 : Math.round(gives * seconds * 40),
    cpu_seconds: 1.6 * cpu,
    busy_seconds: 1.7 * cpu,
    input_wait_seconds: Math.max(0, 1 - share - waits) * seconds,
    output_wait_seconds: waits * seconds,
    memory_bytes: memory,
    recent: {
      rows_in_per_second: rows,
      rows_out_per_second: id === 0 ? 0 : gives,
      cpu: 1.6 * share,
      busy: share,
      input_wait: Math.max(0, 1 - share - waits),
      output_wait: waits,
    },
    workers: [1, 0.6].map(part => ({
      rows_in: Math.round((rows * seconds * part) / 1.6),
      cpu_seconds: cpu * part,
      memory_bytes: memory === null ? null : Math.round((memory * part) / 1.6),
    })),
  };
}

function operators(seconds, busy) {
  const waits = busy ? 0.82 : 0;
  return [
    operator(0, 'Sink ads_minute', [1], { share: 0.06, rows: 30 }, seconds),
    operator(
      1,
      'Project',
      [2],
      { share: 0.01, rows: 30, details: ['ctr DOUBLE := clicks / impressions'] },
      seconds,
    ),
    operator(
      2,
      'WindowAggregate TUMBLE (on ts, size 1m0s)',
      [3],
      {
        share: busy ? 0.97 : 0.21,
        rows: RATE,
        gives: 30,
        memory: 27_776_000,
        details: ['call: clicks BIGINT NOT NULL := COUNT(*)', 'emit: early', 'late: drop'],
      },
      seconds,
    ),
    operator(3, 'Union', [4, 5], { share: 0.01, rows: RATE, waits }, seconds),
    operator(4, 'Scan ods_impressions', [], { share: 0.09, rows: 0.97 * RATE, waits }, seconds),
    operator(5, 'Scan ods_clicks', [], { share: 0.02, rows: 0.03 * RATE, waits }, seconds),
  ];
}

function sources(now, seconds, behind) {
  const source = (table, count, rate, slow) => ({
    table,
    watermark: rfc3339(now - (slow ? 94_000 : 5_000)),
    splits: Array.from({ length: count }, (_, number) => {
      const end = Math.round((rate * seconds) / count) + 977 * number;
      const waiting = slow && number === count - 1 ? behind : 0;
      return {
        name: `${table}-${number}`,
        position: end - waiting,
        end,
        waiting_rows: waiting,
        lag_ms: waiting > 0 ? 94_000 : 0,
        watermark: rfc3339(now - (waiting > 0 ? 94_000 : 5_000)),
        idle: false,
        ended: false,
        last_row_at: rfc3339(now),
      };
    }),
  });
  return [source('ods_impressions', 2, 0.97 * RATE, false), source('ods_clicks', 4, 0.03 * RATE, behind > 0)];
}

/** A job without its operators and sources. */
function job(name, now, seconds, changes = {}) {
  return {
    name,
    state: 'running',
    tables: [name],
    started_at: rfc3339(STARTED),
    rows_in: Math.round(RATE * seconds),
    rows_out: Math.round(30 * seconds),
    rows_per_second: RATE,
    late_rows: 457,
    expired_keys: 0,
    waiting_rows: 0,
    lag_ms: 6_400,
    watermark: rfc3339(now - 6_400),
    back_pressure: 0,
    epoch: Math.round(5 * seconds),
    epoch_ms: 12.4,
    committed_at: rfc3339(now - 120),
    restarts: 0,
    restart: { epoch: Math.round(5 * seconds), age_ms: 2_100, replay_events: 0 },
    state_bytes: 2_823_000,
    spilled_bytes: 0,
    cpu_seconds: 0.6 * seconds,
    memory_bytes: 27_776_000,
    held_by: null,
    ...changes,
  };
}

const PROBLEM = {
  code: 'unavailable',
  detail: 'partition 3 of topic results has got no rows for 5 minutes',
  hint: 'look at sink.partitioner of the table',
};

/** Jobs that somebody has suspended. */
const suspended = new Set();

/**
 * Acts on a job; the answer is the job as it is afterwards, or the problem.
 * @param {string} name @param {'suspend' | 'resume' | 'restart'} action @param {number} now @param {Scenario} scenario
 */
export function act(name, action, now, scenario) {
  if (jobAt(name, now, scenario)?.state === 'failed') {
    const detail = `job ${name} cannot do that now`;
    return { status: 409, body: { code: 'conflict', status: 409, detail, hint: 'look at its error' } };
  }
  if (action === 'suspend') suspended.add(name);
  else suspended.delete(name);
  return { status: 200, body: jobAt(name, now, scenario) };
}

/** @param {number} now epoch milliseconds @param {Scenario} scenario */
export function jobsAt(now, scenario) {
  return runningJobs(now, scenario).map(one =>
    suspended.has(one.name)
      ? { ...one, state: 'suspended', rows_per_second: 0, cpu_seconds: null, memory_bytes: null }
      : one,
  );
}

function runningJobs(now, scenario) {
  if (scenario === 'empty') return [];
  const seconds = Math.max(1, (now - STARTED) / 1000) % 100_000;
  if (scenario !== 'blocked') return [job('ads_minute', now, seconds), job('ods_clicks', now, seconds)];
  return [
    job('ads_minute', now, seconds, {
      waiting_rows: 184_210,
      lag_ms: 94_000,
      back_pressure: 0.82,
      held_by: { operator: 2, name: 'WindowAggregate TUMBLE (on ts, size 1m0s)', busy: 0.98 },
      warning: PROBLEM,
      restarts: 2,
    }),
    job('ods_clicks', now, seconds, {
      state: 'failed',
      error: {
        code: 'disk_full',
        detail: 'the data folder has no space left',
        hint: 'free some, it goes on by itself',
      },
      cpu_seconds: null,
      memory_bytes: null,
      spilled_bytes: null,
      back_pressure: null,
      rows_per_second: 0,
      restarts: 7,
    }),
  ];
}

export function jobAt(name, now, scenario) {
  const found = jobsAt(now, scenario).find(one => one.name === name);
  if (!found || found.state === 'failed' || found.state === 'suspended') return found;
  const seconds = Math.max(1, (now - STARTED) / 1000) % 100_000;
  return {
    ...found,
    operators: operators(seconds, scenario === 'blocked'),
    sources: sources(now, seconds, scenario === 'blocked' ? 184_210 : 0),
  };
}

const COLUMNS = [
  { name: 'window_start', type: 'TIMESTAMP(3) NOT NULL' },
  { name: 'impressions', type: 'BIGINT NOT NULL', comment: 'ads shown' },
  { name: 'clicks', type: 'BIGINT NOT NULL' },
  { name: 'revenue', type: 'DECIMAL(38, 4)', comment: 'in USD' },
];

const MINUTE = 60_000;

/** What the event log has of ods_clicks. */
const LOG = {
  events: 1_204_311,
  gone: 50_000,
  bytes: 92_000_000,
  oldest_at: rfc3339(STARTED),
  quarantined: 3,
  holds: [
    {
      by: 'savepoint ads_minute before-change',
      partition: 0,
      events_behind: 184_210,
      since: rfc3339(STARTED),
    },
    { by: 'job ads_minute', partition: 0, events_behind: 12, since: rfc3339(STARTED + MINUTE) },
    { by: 'job ods_clicks', partition: 0, events_behind: 0, since: null },
  ],
};

const TABLES = [
  {
    name: 'ads_minute',
    kind: 'materialized table',
    columns: 4,
    comment: 'What the live page shows, per minute',
  },
  { name: 'ads_minute$late', kind: 'system table', columns: 3 },
  { name: 'ods_clicks', kind: 'table', columns: 4, log: LOG },
  { name: 'ods_clicks$quarantine', kind: 'system table', columns: 6 },
  { name: 'results', kind: 'external table', columns: 3 },
  { name: 'v_ctr', kind: 'view', columns: 2 },
];

/** @param {number} now epoch milliseconds @param {Scenario} scenario */
export function tablesAt(now, scenario) {
  if (scenario === 'empty') return [];
  return TABLES.map(table => {
    const { final_until, blocked_by } = progressAt(table.name, now, scenario);
    return { ...table, final_until, blocked_by };
  });
}

export function tableAt(name, now, scenario) {
  const found = tablesAt(now, scenario).find(table => table.name === name);
  if (!found) return undefined;
  return {
    ...found,
    columns: COLUMNS,
    primary_key: ['window_start'],
    partitioned_by: [],
    ...(name === 'ods_clicks' ? { watermark: { column: 'window_start', expression: 'window_start' } } : {}),
    definition: `CREATE MATERIALIZED TABLE ${name} AS\nSELECT window_start, COUNT(*) AS clicks\nFROM ods_clicks\nGROUP BY window_start`,
    upstream: name === 'ads_minute' ? ['ods_clicks', 'ods_impressions'] : [],
    downstream: name === 'ods_clicks' ? ['ads_minute'] : [],
    system_tables: TABLES.map(table => table.name).filter(other => other.startsWith(`${name}$`)),
  };
}

export function progressAt(name, now, scenario) {
  const blocked = scenario === 'blocked';
  const kept = scenario !== 'empty' && !name.startsWith('v_');
  const job = kept ? jobAt(name, now, scenario) : undefined;
  const from = rfc3339(now - 40 * MINUTE);
  return {
    table: name,
    final_until: kept ? rfc3339(now - (blocked ? 94_000 : 9_000)) : null,
    watermark: kept ? rfc3339(now - (blocked ? 94_000 : 9_000)) : null,
    blocked_by: blocked && kept ? 'job ads_minute is 184210 rows behind ods_clicks' : null,
    late_rows: kept ? 457 : 0,
    gaps:
      blocked && name === 'ads_minute'
        ? [
            {
              id: 'g1',
              from,
              until: null,
              open: true,
              text: 'site north was left for south: no answer for 10 s',
            },
          ]
        : [],
    windows: name === 'ads_minute' ? windows(now, blocked) : [],
    sources: (job?.sources ?? []).map(source => ({ job: name, ...source })),
  };
}

/** The windows of the last hour; in a blocked table the newest are held back and one lacks rows. */
function windows(now, blocked) {
  const running = Math.floor(now / MINUTE) * MINUTE;
  return Array.from({ length: 60 }, (_, index) => {
    const age = 59 - index;
    const start = running - age * MINUTE;
    const gap = blocked && age === 40 ? 'site north was left for south' : null;
    const held = blocked && age > 0 && age < 3;
    const past = gap ? 'final_with_gap' : held ? 'blocked' : age === 1 ? 'provisional' : 'final';
    return {
      start: rfc3339(start),
      end: rfc3339(start + MINUTE),
      state: age === 0 ? 'open' : past,
      completeness: null,
      blocked_by: held ? 'job ads_minute' : null,
      revision: 0,
      evidence: { watermark: null, final_until: null, gap },
    };
  });
}
