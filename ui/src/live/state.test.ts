import { describe, expect, test } from 'vitest';
import { sampleDashboard } from '../api/sample';
import { INITIAL, type LiveEvent, type LiveState, reduce, retryDelay } from './state';

const dashboard = sampleDashboard();
const run = (...events: LiveEvent[]): LiveState => events.reduce(reduce, INITIAL);

describe('the live state', () => {
  test('starts by connecting, with nothing to show', () => {
    expect(INITIAL).toEqual({ connection: 'connecting', dashboard: null, problem: null, attempts: 0 });
  });
  test('is live with the first event', () => {
    expect(run({ type: 'dashboard', dashboard })).toEqual({
      connection: 'live',
      dashboard,
      problem: null,
      attempts: 0,
    });
  });
  test('keeps the last numbers while reconnecting and counts the attempts', () => {
    const state = run({ type: 'dashboard', dashboard }, { type: 'lost' }, { type: 'lost' });
    expect(state).toEqual({ connection: 'reconnecting', dashboard, problem: null, attempts: 2 });
  });
  test('forgets the attempts once an event arrives', () => {
    expect(run({ type: 'lost' }, { type: 'lost' }, { type: 'dashboard', dashboard }).attempts).toBe(0);
  });
  test('shows a problem instead of numbers, and numbers instead of a problem', () => {
    const problem = { code: 'unknown_table', detail: 'no demo tables' };
    expect(run({ type: 'dashboard', dashboard }, { type: 'problem', problem })).toMatchObject({
      dashboard: null,
      problem,
    });
    expect(run({ type: 'problem', problem }, { type: 'dashboard', dashboard })).toMatchObject({
      dashboard,
      problem: null,
    });
  });
  test('pauses in a hidden tab and comes back as a reconnection when it had numbers', () => {
    expect(run({ type: 'dashboard', dashboard }, { type: 'hidden' }).connection).toBe('paused');
    expect(run({ type: 'dashboard', dashboard }, { type: 'hidden' }, { type: 'shown' }).connection).toBe(
      'reconnecting',
    );
    expect(run({ type: 'hidden' }, { type: 'shown' }).connection).toBe('connecting');
  });
});

test('the retry delay doubles up to four seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 60].map(retryDelay)).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
});
