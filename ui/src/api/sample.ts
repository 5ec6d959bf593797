import type { Dashboard } from './live';

/** A small complete answer for unit tests; `changes` replaces single fields. */
export function sampleDashboard(changes: Partial<Dashboard> = {}): Dashboard {
  return {
    now: '2026-03-01T10:02:30Z',
    final_until: '2026-03-01T10:02:18Z',
    watermark: '2026-03-01T10:02:20Z',
    blocked_by: null,
    currency: 'USD',
    series: [
      {
        minute: '2026-03-01T10:00:00Z',
        state: 'final',
        impressions: '1000',
        clicks: '20',
        revenue: '30.50',
        errors: '10',
      },
      {
        minute: '2026-03-01T10:01:00Z',
        state: 'final',
        impressions: '1100',
        clicks: '33',
        revenue: '40.25',
        errors: '0',
      },
      {
        minute: '2026-03-01T10:02:00Z',
        state: 'open',
        impressions: '500',
        clicks: '10',
        revenue: '12.00',
        errors: '5',
      },
    ],
    campaigns: [
      { campaign: 'Spring Launch', impressions: '2600', clicks: '63', ctr: 0.0242, revenue: '82.75' },
    ],
    totals: {
      since: '2026-03-01T00:00:00Z',
      impressions: '2600',
      clicks: '63',
      revenue: '82.75',
      errors: '15',
    },
    ingest: { events_per_second: 120, freshness_ms: 420 },
    ...changes,
  };
}
