import { Random } from '../support/random.ts';
import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import type { RoutedSession, SimHaproxy } from './sim-haproxy.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { Change } from './sim-tables.ts';
import type { Transaction } from './sim-transaction.ts';

export interface ClientWorld {
  readonly clock: EventClock;
  readonly network: Network;
  readonly haproxies: readonly SimHaproxy[];
  readonly servers: ReadonlyMap<string, SimServer>;
  /** A client was told that its transaction is committed. */
  readonly acknowledged: (transaction: Transaction) => void;
  /** A write, or the attempt to connect for one, came to nothing. */
  readonly failed: () => void;
  readonly change: (server: SimServer, table: number, id: number, isDeleted?: boolean) => Change;
}

const RETRY_MS = 150;
const PATIENCE_MS = 1500;
/** Few, so that they are changed again and again. */
const ROWS = 12;

/** An application: it writes through a router, one transaction after the other, and goes to another router when one fails it. */
export class SimClient {
  readonly #world: ClientWorld;
  readonly #random: Random;
  /** What is written is drawn apart, so that when it is written stays what it was. */
  readonly #content: Random;
  #at: number;
  #session: RoutedSession | undefined;
  #isStopped = false;

  constructor(world: ClientWorld, seed: number) {
    this.#world = world;
    this.#random = new Random(seed);
    this.#content = new Random(seed + 3_000_017);
    this.#at = seed;
    this.#again(this.#random.int(0, 200));
  }

  stop(): void {
    this.#isStopped = true;
    this.#session?.drop();
  }

  #again(ms: number): void {
    this.#world.clock.after(ms, () => {
      if (!this.#isStopped) this.#write();
    });
  }

  #write(): void {
    const session = this.#session?.isOpen === true ? this.#session : this.#connect();
    this.#session = session;
    if (session === undefined) {
      this.#world.failed();
      this.#at += 1;
      this.#again(RETRY_MS);
      return;
    }
    let isOver = false;
    const over = (ok: boolean): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      session.onClosed = () => undefined;
      if (!ok) {
        session.drop();
        // What it was waiting for when it went is nobody's failure.
        if (!this.#isStopped) this.#world.failed();
      }
      this.#again(ok ? this.#random.int(100, 400) : RETRY_MS);
    };
    const cancel = this.#world.clock.after(PATIENCE_MS, () => over(false));
    session.onClosed = () => over(false);
    this.#send(session, over);
  }

  #connect(): RoutedSession | undefined {
    const { haproxies, servers, network } = this.#world;
    const haproxy = haproxies[this.#at % haproxies.length];
    const server = haproxy?.open === undefined ? undefined : servers.get(haproxy.open);
    if (haproxy === undefined || server === undefined || network.isOff(haproxy.host)) return undefined;
    if (!server.isUp || !network.passesBoth(haproxy.host, server.host)) return undefined;
    return haproxy.connect(server);
  }

  #send(session: RoutedSession, over: (ok: boolean) => void): void {
    const { clock, network, acknowledged, haproxies } = this.#world;
    const { server } = session;
    const router = haproxies.find(({ sessions }) => sessions.has(session))?.host ?? '';
    clock.after(network.latency(router, server.host), () => {
      if (!network.passes(router, server.host)) return;
      server.run(() => {
        if (!session.isOpen) return;
        if (server.readOnly) {
          over(false);
          return;
        }
        server.commit(this.#changes(server), (transaction) => {
          if (!session.isOpen || !network.passes(server.host, router)) return;
          acknowledged(transaction);
          clock.after(network.latency(server.host, router), () => over(true));
        });
      });
    });
  }

  /** One row, or one of each table. */
  #changes(server: SimServer): readonly Change[] {
    const random = this.#content;
    const tables = random.pick([[1], [2], [1, 2]]);
    return tables.map((table) => this.#world.change(server, table, random.int(1, ROWS), random.chance(0.25)));
  }
}
