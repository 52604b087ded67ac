import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import { parentOf, Tree, type Change, type WriteRequest } from './zk-tree.ts';
import type { ZkConnection } from './zk-connection.ts';

/** The leader as a server of the ensemble sees it. */
export interface ZkLeader {
  /** Runs `work` at the leader, if this server can reach it. */
  forward(from: ZkServer, work: () => void): void;
  execute(connection: ZkConnection, request: WriteRequest): { readonly zxid: number; readonly reply: Reply };
  readonly zxid: number;
}

export type Reply =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Error };

/**
 * One server of the ensemble: it has what the leader has committed, later than the leader. It answers reads from what it has, so they may
 * be old; a write is answered once its own change has arrived here.
 */
export class ZkServer {
  readonly host: string;
  readonly tree = new Tree();
  applied = 0;
  isUp = true;
  /** It is cut off from the leader, or there is none: nobody is served. */
  isServing = true;
  /** How much later than usual commits arrive here, ms. */
  lagMs = 0;
  readonly connections = new Set<ZkConnection>();
  /** Sessions that were heard of since the leader was last told. */
  readonly heard = new Set<string>();
  readonly #clock: EventClock;
  readonly #network: Network;
  #lastAt = 0;

  constructor(host: string, clock: EventClock, network: Network) {
    this.host = host;
    this.#clock = clock;
    this.#network = network;
  }

  /** A commit is on its way from the leader; the order is kept. */
  receive(from: string, zxid: number, changes: readonly Change[]): void {
    const usual = from === this.host ? 0 : this.#network.latency(from, this.host) + this.lagMs;
    const at = Math.max(this.#lastAt, this.#clock.now + usual);
    this.#lastAt = at;
    if (at === this.#clock.now) this.#apply(zxid, changes);
    else this.#clock.after(at - this.#clock.now, () => this.#apply(zxid, changes));
  }

  /** Has everything that the leader has: after a start, or after it was cut off. */
  catchUp(zxid: number, changes: readonly Change[]): void {
    this.#take(zxid, changes);
  }

  #apply(zxid: number, changes: readonly Change[]): void {
    // One that was cut off or down has taken it with everything else.
    if (this.isUp && zxid > this.applied) this.#take(zxid, changes);
  }

  #take(zxid: number, changes: readonly Change[]): void {
    this.tree.apply(changes);
    this.applied = zxid;
    for (const connection of this.connections) {
      for (const { path, event } of changes) {
        if (event === undefined) continue;
        connection.changed('data', path);
        if (event === 'existence') connection.changed('children', parentOf(path));
      }
      connection.pump();
    }
  }

  disconnectAll(): void {
    for (const connection of [...this.connections]) connection.closeByServer();
  }
}
