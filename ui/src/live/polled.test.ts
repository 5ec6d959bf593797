import { expect, test } from 'vitest';
import { next, type Polled } from './polled';

const problem = { code: 'not_found', detail: 'there is no job x' };
const ready: Polled<number> = { kind: 'ready', value: 1, at: 10, stale: false };

test('an answer is shown, and a later one takes its place', () => {
  expect(next<number>({ kind: 'loading' }, { value: 1, at: 10 })).toEqual(ready);
  expect(next(ready, { value: 2, at: 20 })).toEqual({ kind: 'ready', value: 2, at: 20, stale: false });
});

test('without an answer the last one stays and is marked, until there is one again', () => {
  const stale = next(ready, 'unreachable');
  expect(stale).toEqual({ ...ready, stale: true });
  expect(next(stale, { value: 2, at: 20 })).toMatchObject({ stale: false });
});

test('a server that has never answered, and one that says no', () => {
  expect(next({ kind: 'loading' }, 'unreachable')).toEqual({ kind: 'failed', problem: null });
  expect(next(ready, { problem })).toEqual({ kind: 'failed', problem });
});
