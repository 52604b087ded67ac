import type { Placement } from '../core/decide/read-placement.ts';
import type { Route } from '../core/model/group.ts';

/** What is in force in one group's HAProxy now. */
export interface ProxyState {
  /** The write server in force, `''` when closed. */
  readonly write: string;
  /** Sessions still open from the write side to a server that is not `write`. */
  readonly oldSessions: number;
  readonly pid: number | undefined;
  /** New connections of the write side wait. */
  readonly held: boolean;
  /** Why the file on disk is not in force (haproxy's own words); the last good one is, with the route as applied. */
  readonly rejected?: string | undefined;
}

export interface ApplyOptions {
  readonly timeoutMs: number;
  /** How the read servers are used; without it, as the last one said. */
  readonly placement?: Placement | undefined;
}

/**
 * One group's HAProxy: its configuration file, its process, its runtime socket. A file that haproxy refuses is never loaded: the
 * running process takes the route all the same, so that a slip in a file does not stop a failover, and `rejected` tells.
 */
export interface Proxy {
  /**
   * Makes running process and file say `route`; cuts sessions to former write servers until none is left, and only then opens for
   * the new one. Past the deadline the process itself is replaced; while old sessions are left all the same, the write side stays
   * closed and `oldSessions` tells how many. With `holdMs` new connections of the write side wait until a route without it is applied; how long that
   * may last is the caller's to see to. Throws `PROXY_REJECTED` when haproxy refuses the file and there is neither a running
   * process nor an earlier good file (a closed route never needs one); `TIMED_OUT` when the process does not answer.
   */
  apply(route: Route, options: ApplyOptions): Promise<ProxyState>;
  /**
   * Adopts the running HAProxy, or starts one: with the route applied last, else closed for writes. From then on it is started
   * again whenever it dies. Throws `PROXY_REJECTED`.
   */
  ensureRunning(): Promise<void>;
  state(): Promise<ProxyState>;
  /** Leaves HAProxy running (sessions survive a restart of the router), or ends it. */
  close(options: { readonly stop: boolean }): Promise<void>;
}

/** Where HAProxy asks the router whether a group's write side may be open. */
export interface LeasePort {
  /** Answers on loopback until disposed. `isOpen` is asked at each check. Throws `CONFIG_INVALID` when the port is taken. */
  listen(port: number, isOpen: (group: string) => boolean): Promise<AsyncDisposable>;
}
