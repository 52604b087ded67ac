import { formatEndpoint, sameEndpoint } from '../../src/core/model/endpoint.ts';
import type { Route } from '../../src/core/model/group.ts';
import type { LeaseCheck } from '../../src/core/haproxy/lease-check.ts';
import type { LeasePort, Proxy, ProxyState } from '../../src/ports/proxy.ts';
import type { EventClock } from './event-clock.ts';
import type { ClientSession, SimServer } from './sim-mysql-server.ts';
import type { SimProcess } from './sim-process.ts';

/** A client's connection through the write side. */
export class RoutedSession implements ClientSession {
  readonly server: SimServer;
  isOpen = true;
  readonly #closed: (session: RoutedSession) => void;
  /** Told once, when either end is gone. */
  onClosed: () => void = () => undefined;

  constructor(server: SimServer, closed: (session: RoutedSession) => void) {
    this.server = server;
    this.#closed = closed;
  }

  drop(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.server.sessions.delete(this);
    this.#closed(this);
    this.onClosed();
  }
}

/** One host's HAProxy: it outlives its router, and closes the write side by itself when the router does not vouch for it. */
export class SimHaproxy {
  readonly host: string;
  readonly sessions = new Set<RoutedSession>();
  inForce: Route = { write: undefined, read: [] };
  pid: number | undefined;
  /** What the checks of the lease port say. */
  isVouchedFor = false;
  readonly #clock: EventClock;
  readonly #check: LeaseCheck;
  readonly #changed: () => void;
  /** The router that answers the checks. */
  #router: { readonly process: SimProcess; readonly isOpen: () => boolean } | undefined;
  #failed = 0;
  #pids = 100;

  constructor(
    clock: EventClock,
    options: { readonly host: string; readonly check: LeaseCheck; readonly changed: () => void },
  ) {
    this.host = options.host;
    this.#clock = clock;
    this.#check = options.check;
    this.#changed = options.changed;
    this.#probe();
  }

  /** Where a client's connection to the write side leads; undefined: refused. */
  get open(): string | undefined {
    const { write } = this.inForce;
    return this.pid === undefined || !this.isVouchedFor || write === undefined
      ? undefined
      : formatEndpoint(write);
  }

  connect(server: SimServer): RoutedSession {
    const session = new RoutedSession(server, (closed) => {
      this.sessions.delete(closed);
      this.#changed();
    });
    this.sessions.add(session);
    server.sessions.add(session);
    this.#changed();
    return session;
  }

  start(route: Route): void {
    this.pid = ++this.#pids;
    this.inForce = route;
    this.isVouchedFor = true;
    this.#failed = 0;
    this.#changed();
  }

  die(): void {
    this.pid = undefined;
    this.inForce = { ...this.inForce, write: undefined };
    this.#cutAll();
  }

  apply(route: Route): void {
    if (this.pid === undefined) this.start(route);
    this.inForce = route;
    for (const session of [...this.sessions])
      if (!sameEndpoint(session.server.endpoint, route.write)) session.drop();
    this.#changed();
  }

  leasePortOf(process: SimProcess): LeasePort {
    return {
      listen: (_, isOpen) => {
        const router = { process, isOpen: () => isOpen('g1') };
        this.#router = router;
        return Promise.resolve({
          [Symbol.asyncDispose]: () => {
            if (this.#router === router) this.#router = undefined;
            return Promise.resolve();
          },
        });
      },
    };
  }

  /** Some good answer opens it again; `fall` bad ones in a row close it, with all sessions. */
  #probe(): void {
    const router = this.#router;
    const isGood = router?.process.isRunning === true && router.isOpen();
    if (this.pid !== undefined) this.#judge(isGood);
    const { intervalMs, doubtIntervalMs } = this.#check;
    // A stopped router does not answer: then each check takes its time, too.
    const hangs = router !== undefined && !router.process.isRunning && !router.process.isDead;
    const pauseMs = (this.#failed > 0 ? doubtIntervalMs : intervalMs) + (hangs ? intervalMs : 0);
    this.#clock.after(pauseMs, () => this.#probe());
  }

  #judge(isGood: boolean): void {
    this.#failed = isGood ? 0 : this.#failed + 1;
    if (isGood && !this.isVouchedFor) {
      this.isVouchedFor = true;
      this.#changed();
    } else if (this.#failed >= this.#check.fall && this.isVouchedFor) {
      this.isVouchedFor = false;
      this.#cutAll();
    }
  }

  #cutAll(): void {
    for (const session of [...this.sessions]) session.drop();
    this.#changed();
  }
}

/** What an apply takes, ms. */
const APPLY_MS = 3;

/** A router's hold on its HAProxy. */
export class SimProxy implements Proxy {
  readonly #haproxy: SimHaproxy;
  readonly #process: SimProcess;
  #wanted: Route | undefined;

  constructor(haproxy: SimHaproxy, process: SimProcess) {
    this.#haproxy = haproxy;
    this.#process = process;
  }

  async apply(route: Route): Promise<ProxyState> {
    await this.#process.pause(APPLY_MS);
    this.#wanted = route;
    this.#haproxy.apply(route);
    return this.#now();
  }

  async ensureRunning(): Promise<void> {
    await this.#process.pause(APPLY_MS);
    const haproxy = this.#haproxy;
    if (haproxy.pid === undefined) haproxy.start(this.#wanted ?? { ...haproxy.inForce, write: undefined });
  }

  async state(): Promise<ProxyState> {
    await this.#process.pause(APPLY_MS);
    return this.#now();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #now(): ProxyState {
    const { pid, inForce, sessions } = this.#haproxy;
    const write = inForce.write === undefined ? '' : formatEndpoint(inForce.write);
    const oldSessions = [...sessions].filter(({ server }) => server.name !== write).length;
    return { write, oldSessions, pid, held: inForce.holdMs !== undefined };
  }
}
