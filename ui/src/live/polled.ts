import type { Problem } from '../api/problem';

/** What a page knows of something that it asks for again and again. */
export type Polled<T> =
  | { kind: 'loading' }
  /** No answer yet; `problem` is null when the server cannot be reached. */
  | { kind: 'failed'; problem: Problem | null }
  /** The newest answer; `stale` once later questions had none. */
  | { kind: 'ready'; value: T; at: number; stale: boolean };

/** What became of one question. */
export type Outcome<T> = { value: T; at: number } | { problem: Problem } | 'unreachable';

/** The next state. An answer that was there stays, marked, while the server cannot be reached. */
export function next<T>(state: Polled<T>, outcome: Outcome<T>): Polled<T> {
  if (outcome === 'unreachable') {
    return state.kind === 'ready' ? { ...state, stale: true } : { kind: 'failed', problem: null };
  }
  if ('problem' in outcome) return { kind: 'failed', problem: outcome.problem };
  return { kind: 'ready', ...outcome, stale: false };
}
