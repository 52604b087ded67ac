import {
  AUTH_FAILED_STATE,
  type NativeClient,
  type NativeEvent,
  type NativeWatchEvent,
} from './native-client.ts';

const WATCH_EVENTS: readonly NativeWatchEvent[] = ['created', 'deleted', 'changed', 'child'];

export interface ClientListener {
  /** There is a session; credentials may not have been taken yet. */
  session(): void;
  /** The connection is lost, and the client makes another. */
  connecting(): void;
  /** The client has closed itself: the server does not take our credentials. */
  unauthenticated(): void;
  /** The client has closed itself: the session is over. */
  expired(): void;
  watchFired(event: NativeWatchEvent, path: string): void;
}

/** Passes a client's events on by `run`, which decides when, and whether they still matter. */
export function listenTo(
  client: NativeClient,
  run: (work: () => void) => void,
  listener: ClientListener,
): void {
  const on = (event: NativeEvent, work: (detail: unknown) => void): void => {
    client.on(event, (_, detail) => run(() => work(detail)));
  };
  on('connect', () => listener.session());
  on('connecting', () => listener.connecting());
  on('close', (why) => (why === AUTH_FAILED_STATE ? listener.unauthenticated() : listener.expired()));
  for (const event of WATCH_EVENTS) {
    on(event, (path) => {
      if (typeof path === 'string') listener.watchFired(event, path);
    });
  }
}
