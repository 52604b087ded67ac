import type { Route } from '../core/model/group.ts';

/** What is in force in one group's HAProxy now. */
export interface ProxyState {
  readonly write: string;
  /** Sessions still open from the write side to a server that is not `write`. */
  readonly oldSessions: number;
  readonly pid: number | undefined;
}

/**
 * One group's HAProxy: its configuration file, its process, its runtime socket. Throws `PROXY_REJECTED` with haproxy's own words
 * when a configuration is invalid; the one in force is then left as it is.
 */
export interface Proxy {
  /** Makes file and running process say `route`; cuts sessions to former write servers until none is left or the deadline passed. */
  apply(route: Route, options: { readonly timeoutMs: number }): Promise<ProxyState>;
  /** Starts HAProxy when it is not running, with the file as it stands. */
  ensureRunning(): Promise<void>;
  state(): Promise<ProxyState>;
  /** Leaves HAProxy running (sessions survive a restart of the router), or ends it. */
  close(options: { readonly stop: boolean }): Promise<void>;
}
