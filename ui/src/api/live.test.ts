import { describe, expect, test } from 'vitest';
import { parseDashboard } from './live';
import { sampleDashboard } from './sample';

describe('a dashboard event', () => {
  test('is read as it is', () => {
    const dashboard = sampleDashboard();
    expect(parseDashboard(JSON.stringify(dashboard))).toEqual(dashboard);
  });
  test('may have nothing final, no watermark and no freshness yet', () => {
    const empty = sampleDashboard({
      final_until: null,
      watermark: null,
      series: [],
      campaigns: [],
      ingest: { events_per_second: 0, freshness_ms: null },
    });
    expect(parseDashboard(JSON.stringify(empty))).toEqual(empty);
  });
  test.each([
    ['now', { ...sampleDashboard(), now: 'noon' }],
    ['final_until', { ...sampleDashboard(), final_until: 17 }],
    ['tables', { ...sampleDashboard(), tables: ['ads_minute', 7] }],
    ['currency', { ...sampleDashboard(), currency: '$' }],
    [
      'series[0].state',
      { ...sampleDashboard(), series: [{ ...sampleDashboard().series[0], state: 'done' }] },
    ],
    ['series[0].clicks', { ...sampleDashboard(), series: [{ ...sampleDashboard().series[0], clicks: 4 }] }],
    [
      'campaigns[0].ctr',
      { ...sampleDashboard(), campaigns: [{ ...sampleDashboard().campaigns[0], ctr: null }] },
    ],
    ['totals', { ...sampleDashboard(), totals: null }],
    ['ingest.freshness_ms', { ...sampleDashboard(), ingest: { events_per_second: 1, freshness_ms: '3' } }],
  ])('with a wrong %s is refused by name', (field, value) => {
    expect(() => parseDashboard(JSON.stringify(value))).toThrow(`unexpected value in ${field}`);
  });
});
