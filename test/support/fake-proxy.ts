import { DcmhaError } from '../../src/core/model/errors.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import type { Route } from '../../src/core/model/group.ts';
import { readers } from '../../src/core/haproxy/render-read.ts';
import type { Placement } from '../../src/core/decide/read-placement.ts';
import type { Proxy, ProxyState } from '../../src/ports/proxy.ts';
import type { TcpSession } from './tcp-session.ts';

interface FakeSession extends TcpSession {
  close(): void;
}

/** What outlives a router: the file and the running process. */
export class FakeHaproxy {
  /** undefined while it does not run. */
  pid: number | undefined;
  inForce: Route = { write: undefined, read: [] };
  /** Why haproxy would refuse the file as somebody edited it. */
  broken: string | undefined;
  /** A good file was there once. */
  good = false;
  /** Sessions that do not end when they are cut. */
  stubborn = 0;
  readonly sessions = new Set<FakeSession>();
  readonly #held: (() => void)[] = [];
  #pids = 100;

  start(route: Route): void {
    this.pid = ++this.#pids;
    this.inForce = route;
  }

  die(): void {
    this.pid = undefined;
    this.inForce = { ...this.inForce, write: undefined };
    for (const session of [...this.sessions]) session.close();
  }

  /** As {@link connect}, but while new connections are held it waits. */
  async connectWaiting(): Promise<TcpSession | undefined> {
    while (this.pid !== undefined && this.inForce.holdMs !== undefined) {
      await new Promise<void>((resolve) => this.#held.push(resolve));
    }
    return this.connect();
  }

  /** Those who wait look again. */
  wakeHeld(): void {
    for (const wake of this.#held.splice(0)) wake();
  }

  /** A client connects to the write side. */
  connect(): TcpSession | undefined {
    const { write } = this.inForce;
    return this.pid === undefined || write === undefined ? undefined : this.#open(formatEndpoint(write));
  }

  #open(server: string): TcpSession {
    let open = true;
    const close = (): void => {
      open = false;
      this.sessions.delete(session);
    };
    const session: FakeSession = { server, isOpen: () => open, end: close, close };
    this.sessions.add(session);
    return session;
  }
}

/** A {@link Proxy} in memory. It starts a dead process again by itself in a microtask, as the real one does in milliseconds. */
export class FakeProxy implements Proxy {
  readonly haproxy: FakeHaproxy;
  /** Every route that was applied, in order. */
  readonly applied: Route[] = [];
  /** How reads were last spread. */
  placement: Placement | undefined;
  /** Set by a test: thrown by the next calls. */
  failure: DcmhaError | undefined;
  #wanted: Route | undefined;
  #watching = false;

  constructor(haproxy = new FakeHaproxy()) {
    this.haproxy = haproxy;
  }

  async apply(
    route: Route,
    { placement }: { readonly placement?: Placement | undefined } = {},
  ): Promise<ProxyState> {
    await this.#turn();
    this.#wanted = route;
    this.placement = placement;
    this.applied.push(route);
    const { haproxy } = this;
    if (haproxy.pid === undefined) this.#start(route);
    if (haproxy.broken === undefined) haproxy.good = true;
    if (haproxy.pid === undefined) return this.#state();
    this.#cut(route.write);
    const closed = this.#old(route.write).length > 0;
    haproxy.inForce = closed ? { ...route, write: undefined } : route;
    haproxy.wakeHeld();
    return this.#state();
  }

  async ensureRunning(): Promise<void> {
    await this.#turn();
    this.#watching = true;
    if (this.haproxy.pid === undefined)
      this.#start(this.#wanted ?? { ...this.haproxy.inForce, write: undefined });
  }

  async state(): Promise<ProxyState> {
    await this.#turn();
    return this.#state();
  }

  async close({ stop }: { readonly stop: boolean }): Promise<void> {
    await Promise.resolve();
    this.#watching = false;
    const { haproxy } = this;
    if (stop) haproxy.die();
    else haproxy.inForce = { write: haproxy.inForce.write, read: haproxy.inForce.read };
    haproxy.wakeHeld();
  }

  /** Where reads go now. */
  reads(): readonly string[] {
    return this.haproxy.pid === undefined ? [] : readers(this.haproxy.inForce);
  }

  async #turn(): Promise<void> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    if (this.#watching && this.haproxy.pid === undefined) this.#start(this.#wanted ?? this.haproxy.inForce);
  }

  #start(route: Route): void {
    const { haproxy } = this;
    if (haproxy.broken === undefined || haproxy.good) haproxy.start(route);
    else if (route.write !== undefined) throw new DcmhaError('PROXY_REJECTED', haproxy.broken);
  }

  #cut(write: Endpoint | undefined): void {
    const ending = this.#old(write).slice(this.haproxy.stubborn);
    for (const session of ending) session.close();
  }

  #old(write: Endpoint | undefined): readonly FakeSession[] {
    const name = write === undefined ? '' : formatEndpoint(write);
    return [...this.haproxy.sessions].filter(({ server }) => server !== name);
  }

  #state(): ProxyState {
    const { pid, inForce, broken } = this.haproxy;
    const write = inForce.write === undefined ? '' : formatEndpoint(inForce.write);
    return {
      write,
      oldSessions: this.#old(inForce.write).length,
      pid,
      held: inForce.holdMs !== undefined,
      ...(broken === undefined ? {} : { rejected: broken }),
    };
  }
}
