import { LIVE_URL, parseDashboard, SILENCE_LIMIT_MS } from '../api/live';
import { parseProblem } from '../api/problem';
import { INITIAL, type LiveEvent, type LiveState, reduce, retryDelay } from './state';

/**
 * Owns the page's one event stream. It opens on the first subscriber, closes after the last, closes while the tab
 * is hidden (a browser allows six HTTP/1.1 connections to a host over all tabs), and connects anew by itself:
 * the browser's own retry gives up for good on a 5xx answer, which is just what a restarting server sends.
 */
class LiveStream {
  private state: LiveState = INITIAL;
  private readonly subscribers = new Set<() => void>();
  private source: EventSource | undefined;
  private retryTimer: number | undefined;
  private silenceTimer: number | undefined;

  readonly getState = (): LiveState => this.state;

  readonly subscribe = (subscriber: () => void): (() => void) => {
    this.subscribers.add(subscriber);
    if (this.subscribers.size === 1) this.start();
    return () => {
      this.subscribers.delete(subscriber);
      if (this.subscribers.size === 0) this.stop();
    };
  };

  private start(): void {
    document.addEventListener('visibilitychange', this.onVisibility);
    window.addEventListener('online', this.connectNow);
    this.onVisibility();
  }

  private stop(): void {
    document.removeEventListener('visibilitychange', this.onVisibility);
    window.removeEventListener('online', this.connectNow);
    this.close();
  }

  private readonly onVisibility = (): void => {
    if (document.hidden) {
      this.close();
      this.dispatch({ type: 'hidden' });
    } else {
      if (this.state.connection === 'paused') this.dispatch({ type: 'shown' });
      this.connectNow();
    }
  };

  private readonly connectNow = (): void => {
    if (document.hidden) return;
    this.close();
    const source = new EventSource(LIVE_URL);
    this.source = source;
    source.addEventListener('dashboard', event =>
      this.receive(() => ({ type: 'dashboard', dashboard: parseDashboard(event.data) })),
    );
    source.addEventListener('problem', event =>
      this.receive(() => ({ type: 'problem', problem: parseProblem(event.data) })),
    );
    source.onerror = this.lose;
    this.expectEvent();
  };

  private receive(read: () => LiveEvent): void {
    this.expectEvent();
    try {
      this.dispatch(read());
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.dispatch({ type: 'problem', problem: { code: 'unreadable', detail } });
    }
  }

  private expectEvent(): void {
    window.clearTimeout(this.silenceTimer);
    this.silenceTimer = window.setTimeout(this.lose, SILENCE_LIMIT_MS);
  }

  private readonly lose = (): void => {
    this.close();
    this.dispatch({ type: 'lost' });
    this.retryTimer = window.setTimeout(this.connectNow, retryDelay(this.state.attempts));
  };

  private close(): void {
    window.clearTimeout(this.retryTimer);
    window.clearTimeout(this.silenceTimer);
    this.source?.close();
    this.source = undefined;
  }

  private dispatch(event: LiveEvent): void {
    this.state = reduce(this.state, event);
    for (const subscriber of this.subscribers) subscriber();
  }
}

/** The page's one stream. */
export const liveStream = new LiveStream();
