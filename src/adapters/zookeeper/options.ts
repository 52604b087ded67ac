import type { Endpoint } from '../../core/model/endpoint.ts';
import type { Clock, Log } from '../../ports/system.ts';

export interface ZookeeperOptions {
  /** `host:port,host:port`. */
  readonly hosts: string;
  /** Where the installation lives, as `/mysql`; `initTree` makes it. */
  readonly root: string;
  readonly sessionTimeoutMs: number;
  readonly auth?: { readonly user: string; readonly password: string } | undefined;
  /** Lets others read the nodes that are made; without `auth` everybody may do everything. */
  readonly worldReadable: boolean;
  /** No session by then is `SESSION_LOST`; the session timeout when left out. */
  readonly connectTimeoutMs?: number | undefined;
  /** False: the call returns at once, and the connection is made when it can be (a daemon that starts while ZooKeeper is away). */
  readonly awaitSession?: boolean | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

export interface SessionOptions {
  readonly servers: readonly Endpoint[];
  /** Asked for; the server may grant another. */
  readonly sessionTimeoutMs: number;
  readonly auth: { readonly user: string; readonly password: string } | undefined;
  readonly clock: Clock;
  readonly log: Log;
}
