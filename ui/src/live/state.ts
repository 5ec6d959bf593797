import type { Dashboard } from '../api/live';
import type { Problem } from '../api/problem';

/**
 * What the page knows about the stream.
 * - `connecting`: the first attempt, nothing shown yet.
 * - `live`: events arrive.
 * - `reconnecting`: the connection broke; the last numbers stay on screen and are marked.
 * - `paused`: closed by the page itself because its tab is hidden.
 */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'paused';

export interface LiveState {
  connection: Connection;
  /** The newest complete answer; kept while reconnecting. */
  dashboard: Dashboard | null;
  /** Set when the server says that there is nothing to show, or its answer cannot be read. */
  problem: Problem | null;
  /** Failed attempts since the last event; 0 while live. */
  attempts: number;
}

export type LiveEvent =
  | { type: 'dashboard'; dashboard: Dashboard }
  | { type: 'problem'; problem: Problem }
  | { type: 'lost' }
  | { type: 'hidden' }
  | { type: 'shown' };

export const INITIAL: LiveState = { connection: 'connecting', dashboard: null, problem: null, attempts: 0 };

/** The next state; pure, so that every path can be tested without a network. */
export function reduce(state: LiveState, event: LiveEvent): LiveState {
  switch (event.type) {
    case 'dashboard':
      return { connection: 'live', dashboard: event.dashboard, problem: null, attempts: 0 };
    case 'problem':
      return { connection: 'live', dashboard: null, problem: event.problem, attempts: 0 };
    case 'lost':
      return { ...state, connection: 'reconnecting', attempts: state.attempts + 1 };
    case 'hidden':
      return { ...state, connection: 'paused', attempts: 0 };
    case 'shown':
      return { ...state, connection: state.dashboard ? 'reconnecting' : 'connecting', attempts: 0 };
  }
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 4_000;

/**
 * How long to wait before attempt number `attempts` + 1: doubling, up to {@link LAST_RETRY_MS}, so that a
 * restarted server is found within seconds and a missing one costs next to nothing.
 */
export function retryDelay(attempts: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, attempts - 1));
}
