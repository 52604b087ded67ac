import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { longestDrainMs, type Drained } from '../../ports/switchover.ts';
import type { Log } from '../../ports/system.ts';
import { systemClock } from '../system/clock.ts';
import { Deadline } from '../system/deadline.ts';
import { drain, LAST_LOOK_MS, lookAtClients, type Look } from './drain.ts';
import { knock } from './knock.ts';
import type { SessionPool } from './session-pool.ts';
import { killSessions } from './writers.ts';

/** A first look counts for so long; after half of that another one replaces it. */
const RECENT_LOOK_MS = 1000;
/** Nobody waits for it. */
const END_SESSIONS_MS = 2000;

/** Drains servers, and remembers the first look at one for the drain that comes. */
export class Drainer {
  readonly #pool: SessionPool;
  readonly #ownUsers: readonly string[];
  readonly #log: Log;
  #looked: { readonly server: string; readonly at: number; readonly look: Look } | undefined;

  constructor(pool: SessionPool, ownUsers: readonly string[], log: Log) {
    this.#pool = pool;
    this.#ownUsers = ownUsers;
    this.#log = log;
  }

  async look(server: Endpoint, options: CallOptions): Promise<void> {
    // The older one tells better who came lately.
    if (this.#lookBefore(server, RECENT_LOOK_MS / 2) !== undefined) return;
    const look = await this.#pool.within(server, options, (session, deadline) =>
      lookAtClients(session, this.#ownUsers, deadline),
    );
    this.#looked = { server: formatEndpoint(server), at: systemClock.monotonic(), look };
  }

  async drain(server: Endpoint, options: CallOptions): Promise<Drained> {
    const { timeoutMs: forMs } = options;
    const before = this.#lookBefore(server);
    this.#looked = undefined;
    // Connections that wait to be taken are in no list yet.
    const leaving = await knock(server, new Deadline(options));
    const end = (ids: readonly number[]): void => void this.#end(server, ids);
    const longer = { ...options, timeoutMs: longestDrainMs(forMs) + LAST_LOOK_MS };
    return this.#pool.within(server, longer, (session, deadline) =>
      drain(session, { ownUsers: this.#ownUsers, end, forMs, before, leaving }, deadline),
    );
  }

  #lookBefore(server: Endpoint, withinMs = RECENT_LOOK_MS): Look | undefined {
    const looked = this.#looked;
    const isRecent = looked !== undefined && systemClock.monotonic() - looked.at < withinMs;
    return isRecent && looked.server === formatEndpoint(server) ? looked.look : undefined;
  }

  /** Never rejects. */
  async #end(server: Endpoint, ids: readonly number[]): Promise<void> {
    try {
      await this.#pool.within(server, { timeoutMs: END_SESSIONS_MS }, (session, deadline) =>
        killSessions(session, ids, deadline),
      );
    } catch (thrown) {
      this.#log.warn('client sessions could not be ended', {
        server: formatEndpoint(server),
        error: toDcmhaError(thrown).message,
      });
    }
  }
}
