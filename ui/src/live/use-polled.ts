import { useCallback, useEffect, useState } from 'react';
import { Refused } from '../api/call';
import { next, type Outcome, type Polled } from './polled';

/** Time between an answer and the next question. */
const INTERVAL_MS = 1_000;

/**
 * Asks again and again while the tab is shown, one question at a time. `load` has to stay the same function as long
 * as the question is the same. The second result takes an answer that came in another way.
 */
export function usePolled<T>(
  load: (signal: AbortSignal) => Promise<T>,
): [state: Polled<T>, take: (value: T) => void] {
  const [state, setState] = useState<Polled<T>>({ kind: 'loading' });
  useEffect(() => {
    const controller = new AbortController();
    let timer: number | undefined;
    setState({ kind: 'loading' });
    const ask = async () => {
      window.clearTimeout(timer);
      if (!document.hidden) {
        const outcome = await outcomeOf(load, controller.signal);
        if (controller.signal.aborted) return;
        setState(before => next(before, outcome));
      }
      window.clearTimeout(timer);
      timer = window.setTimeout(ask, INTERVAL_MS);
    };
    void ask();
    return () => {
      controller.abort();
      window.clearTimeout(timer);
    };
  }, [load]);
  const take = useCallback((value: T) => setState(before => next(before, { value, at: Date.now() })), []);
  return [state, take];
}

async function outcomeOf<T>(
  load: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  try {
    return { value: await load(signal), at: Date.now() };
  } catch (error) {
    return error instanceof Refused ? { problem: error.problem } : 'unreachable';
  }
}
