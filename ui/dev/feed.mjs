/**
 * A simulated `dashboard` feed for working on the page without the Go server. The answer is a pure function of the
 * clock and the scenario: the same second gives the same numbers, in every run.
 */

/** @typedef {'flowing' | 'blocked' | 'young' | 'empty' | 'problem'} Scenario */

/** @type {readonly Scenario[]} */
export const SCENARIOS = ['flowing', 'blocked', 'young', 'empty', 'problem'];

const MINUTE = 60_000;
const SERIES_MINUTES = 60;
/** How far the settled part follows behind the clock. */
const LAG = 9_000;
/** In scenario `blocked`: for how long the line has not moved when a minute begins. */
const BLOCKED_LAG = 4 * MINUTE;

const CAMPAIGNS = [
  'Spring Launch · Feed',
  '双十一 · 搜索品牌词',
  'Retarget 30 days',
  'App Install iOS',
  '信息流 · 新客',
  'CTV Prime Time',
  'Brand Safety A/B',
  'KOL 视频前贴片',
  'Affiliate Europe',
  '门店引流 · 上海',
];

/** A repeatable number in [0, 1) for two integers. */
function noise(a, b) {
  let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x165667b1, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 2 ** 32;
}

/** What the minute adds up to once it is complete. */
function minuteSums(minute) {
  const index = minute / MINUTE;
  const wave = 1 + 0.18 * Math.sin(index / 11) + 0.08 * Math.sin(index / 3.7);
  const impressions = Math.round(48_000 * wave * (0.95 + 0.1 * noise(index, 1)));
  const ctr = 0.0228 * (1 + 0.12 * Math.sin(index / 17)) * (0.95 + 0.1 * noise(index, 2));
  const clicks = Math.round(impressions * ctr);
  const cents = Math.round(clicks * (83 + 6 * noise(index, 3)));
  const errors = Math.round(impressions * (0.0031 + 0.0012 * noise(index, 4)));
  return { impressions, clicks, cents, errors };
}

function scale(sums, share) {
  return Object.fromEntries(Object.entries(sums).map(([key, value]) => [key, Math.floor(value * share)]));
}

function add(sums, other) {
  return Object.fromEntries(Object.entries(sums).map(([key, value]) => [key, value + other[key]]));
}

function asText({ impressions, clicks, cents, errors }) {
  return {
    impressions: `${impressions}`,
    clicks: `${clicks}`,
    revenue: (cents / 100).toFixed(2),
    errors: `${errors}`,
  };
}

const rfc3339 = epochMs => new Date(epochMs).toISOString().replace('.000Z', 'Z');

const ZERO = { impressions: 0, clicks: 0, cents: 0, errors: 0 };

/**
 * The event to send at this moment.
 * @param {number} now epoch milliseconds
 * @param {Scenario} scenario
 */
export function eventAt(now, scenario) {
  if (scenario === 'problem') {
    return {
      event: 'problem',
      data: {
        code: 'unknown_table',
        detail: 'The tables of the ad demo do not exist on this server',
        hint: 'Start the server with "tidemark demo", or run the project in examples/ads.',
      },
    };
  }
  return { event: 'dashboard', data: dashboardAt(Math.floor(now / 1000) * 1000, scenario) };
}

function dashboardAt(now, scenario) {
  const blocked = scenario === 'blocked';
  const running = Math.floor(now / MINUTE) * MINUTE;
  const finalUntil = blocked ? running - BLOCKED_LAG : now - LAG;
  const day = Math.floor(now / (24 * 60 * MINUTE)) * 24 * 60 * MINUTE;
  const oldest = running - (SERIES_MINUTES - 1) * MINUTE;
  const from = scenario === 'young' ? Math.max(oldest, running - 2 * MINUTE) : oldest;

  const state = minute => {
    if (minute === running) return 'open';
    if (minute + MINUTE > finalUntil) return blocked ? 'blocked' : 'provisional';
    const age = (running - minute) / MINUTE;
    if (age === 23) return 'amended';
    if (age === 41) return 'final_with_gap';
    return 'final';
  };
  const sumsOf = minute => scale(minuteSums(minute), minute === running ? (now - running) / MINUTE : 1);

  const series = [];
  let hour = ZERO;
  let totals = ZERO;
  if (scenario !== 'empty') {
    for (let minute = from; minute <= running; minute += MINUTE) {
      const sums = sumsOf(minute);
      hour = add(hour, sums);
      series.push({ minute: rfc3339(minute), state: state(minute), ...asText(sums) });
    }
    const since = scenario === 'young' ? from : day;
    for (let minute = since; minute <= running; minute += MINUTE) totals = add(totals, sumsOf(minute));
  }

  return {
    now: rfc3339(now),
    final_until: scenario === 'empty' ? null : rfc3339(finalUntil),
    watermark: scenario === 'empty' ? null : rfc3339(now - 5_000),
    blocked_by: blocked ? 'clicks, partition 3' : null,
    tables: ['ads_minute'],
    currency: 'USD',
    series,
    campaigns: scenario === 'empty' ? [] : campaigns(hour),
    totals: { since: rfc3339(scenario === 'young' ? from : day), ...asText(totals) },
    ingest: {
      events_per_second: scenario === 'empty' ? 0 : Math.round(minuteSums(running).impressions / 60),
      freshness_ms: scenario === 'empty' ? null : Math.round(240 + 180 * noise(now / 1000, 5)),
    },
  };
}

/**
 * The answer to a question: `SELECT <number> AS <name>` is answered, a text without SELECT refused, anything else gets
 * the campaigns of the last hour.
 * @param {string} sql
 * @param {number} now epoch milliseconds
 */
export function answerTo(sql, now) {
  const constant = /^\s*select\s+(\d+)\s+as\s+(\w+)\s*;?\s*$/i.exec(sql);
  const finalUntil = rfc3339(Math.floor(now / 1000) * 1000 - LAG);
  if (constant) {
    return {
      status: 200,
      body: {
        columns: [{ name: constant[2], type: 'INT' }],
        rows: [[Number(constant[1])]],
        final_until: null,
      },
    };
  }
  if (!/^\s*select\b/i.test(sql)) {
    const detail = 'a question starts with SELECT';
    const hint = 'Statements that change something go to POST /api/v1/statements.';
    return {
      status: 400,
      body: { code: 'syntax', status: 400, detail, hint, position: { line: 1, column: 1 } },
    };
  }
  const { campaigns: found } = dashboardAt(Math.floor(now / 1000) * 1000, 'flowing');
  const types = {
    campaign: 'STRING',
    impressions: 'BIGINT',
    clicks: 'BIGINT',
    ctr: 'DOUBLE',
    revenue: 'DECIMAL(38, 2)',
  };
  return {
    status: 200,
    body: {
      columns: Object.entries(types).map(([name, type]) => ({ name, type })),
      rows: found.map(row => Object.keys(types).map(name => row[name])),
      final_until: finalUntil,
    },
  };
}

/** The hour's sums dealt out to the campaigns, the largest first. */
function campaigns(hour) {
  return CAMPAIGNS.map((campaign, index) => {
    const share = 0.24 * 0.82 ** index;
    const impressions = Math.floor(hour.impressions * share);
    const clicks = Math.floor(hour.clicks * share * (0.8 + 0.4 * noise(index, 6)));
    const cents = Math.floor(hour.cents * share);
    return {
      campaign,
      impressions: `${impressions}`,
      clicks: `${clicks}`,
      ctr: impressions > 0 ? clicks / impressions : 0,
      revenue: (cents / 100).toFixed(2),
    };
  });
}
