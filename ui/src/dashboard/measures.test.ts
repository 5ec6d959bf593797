import { describe, expect, test } from 'vitest';
import { sampleDashboard } from '../api/sample';
import { change, countStates, gaugeSpan, measureOf, type Point, points, settledCount } from './measures';

function flat(minutes: number, values: Partial<Point> = {}): Point[] {
  return Array.from({ length: minutes }, (_, index) => ({
    start: index * 60,
    state: 'final',
    impressions: 100,
    clicks: 2,
    revenue: 1,
    errors: 0,
    ...values,
  }));
}

describe('points', () => {
  test('are the numbers of the series', () => {
    expect(points(sampleDashboard())[1]).toEqual({
      start: Date.parse('2026-03-01T10:01:00Z') / 1000,
      state: 'final',
      impressions: 1100,
      clicks: 33,
      revenue: 40.25,
      errors: 0,
    });
  });
  test('a minute left out is a minute without events, final only if the line has passed it', () => {
    const [first, , last] = sampleDashboard().series;
    const without = sampleDashboard({ series: [first!, last!] });
    expect(points(without)[1]).toMatchObject({ state: 'final', impressions: 0 });
    expect(points({ ...without, final_until: '2026-03-01T10:01:30Z' })[1]).toMatchObject({
      state: 'provisional',
    });
    expect(points({ ...without, final_until: null })[1]).toMatchObject({ state: 'provisional' });
  });
});

test('settled minutes are counted up to the first that is not', () => {
  const series = flat(5);
  expect(settledCount(series)).toBe(5);
  series[2]!.state = 'amended';
  series[3]!.state = 'blocked';
  expect(settledCount(series)).toBe(3);
  expect(countStates(series)).toMatchObject({ final: 3, amended: 1, blocked: 1 });
});

describe('a ratio', () => {
  test('divides sums', () => {
    const sums = { impressions: 90, clicks: 9, revenue: 0, errors: 10 };
    expect(measureOf('ctr', sums)).toBe(0.1);
    expect(measureOf('errors', sums)).toBe(0.1);
  });
  test('of nothing is unknown, not zero', () => {
    const none = { impressions: 0, clicks: 0, revenue: 0, errors: 0 };
    expect(measureOf('ctr', none)).toBeNull();
    expect(measureOf('errors', none)).toBeNull();
  });
});

describe('the change', () => {
  test('compares halves of the settled minutes', () => {
    const series = [...flat(5), ...flat(5, { impressions: 150, clicks: 3 })];
    expect(change('impressions', series)).toEqual({ ratio: 0.5, minutes: 5 });
    expect(change('ctr', series)).toEqual({ ratio: 0, minutes: 5 });
  });
  test('leaves unsettled minutes out', () => {
    const series = [...flat(10), ...flat(3, { state: 'provisional', impressions: 1_000_000 })];
    expect(change('impressions', series)).toEqual({ ratio: 0, minutes: 5 });
  });
  test('spans whole fives of minutes, at most thirty', () => {
    expect(change('clicks', flat(58))?.minutes).toBe(25);
    expect(change('clicks', flat(100))?.minutes).toBe(30);
  });
  test('is unknown with too few minutes, or nothing before', () => {
    expect(change('clicks', flat(9))).toBeNull();
    expect(change('errors', flat(20))).toBeNull();
  });
});

test.each([
  [0, 60],
  [30, 60],
  [31, 120],
  [1_000, 3_600],
  [10_000_000, 86_400],
])('a lag of %i s is shown on a gauge of %i s', (lag, span) => {
  expect(gaugeSpan(lag)).toBe(span);
});
