import { useSyncExternalStore } from 'react';
import type { LiveState } from './state';
import { liveStream } from './stream';

/** The live state; all users in a page share one connection. */
export function useLive(): LiveState {
  return useSyncExternalStore(liveStream.subscribe, liveStream.getState);
}
