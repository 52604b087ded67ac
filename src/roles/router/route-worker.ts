import type { Placement } from '../../core/decide/read-placement.ts';
import { formatEndpoint } from '../../core/model/endpoint.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { Route, RouteAck } from '../../core/model/group.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Proxy, ProxyState } from '../../ports/proxy.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { Alarm } from '../alarm.ts';
import { Mutex } from '../mutex.ts';
import { RouteAcknowledgement } from './route-acknowledgement.ts';
import { RouteHold } from './route-hold.ts';
import { RouteLease } from './route-lease.ts';
import { RouteView, type RouteViewDeps } from './route-view.ts';

export interface RouteWorkerDeps extends RouteViewDeps {
  readonly coordination: Coordination;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RouteWorkerOptions {
  readonly group: string;
  /** This router's name in `route-ack/G`. */
  readonly router: string;
  /** What was turned away at this router, for the operator. */
  readonly distrust?: (() => string | undefined) | undefined;
  readonly applyTimeoutMs: number;
  /** How long HAProxy may go on after our last yes, ms: when the ensemble grants a shorter session than asked, more than a lease leaves. */
  readonly closesWithinMs: number;
  /** A route in force is compared with file and process this often, ms. */
  readonly recheckMs: number;
}

const firstRetryMs = 250;
const longestRetryMs = 5000;
const restLateMs = 150;

/** One group at one router: its HAProxy says what `haproxy/G` says while the lease runs, and the acknowledgement says so. */
export class RouteWorker {
  readonly #deps: RouteWorkerDeps;
  readonly #options: RouteWorkerOptions;
  readonly #proxy: Proxy;
  readonly #view: RouteView;
  readonly #lease: RouteLease;
  readonly #hold: RouteHold;
  readonly #ack: RouteAcknowledgement;
  readonly #mutex = new Mutex();
  #alarm: Alarm | undefined;
  #applied: Route | undefined;
  /** How the read servers are used in it. */
  #placed = '';
  #state: ProxyState | undefined;
  #failed = false;
  #retryMs = firstRetryMs;
  #recheckAt = 0;

  constructor(deps: RouteWorkerDeps, proxy: Proxy, options: RouteWorkerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#proxy = proxy;
    this.#view = new RouteView(deps, options.group);
    this.#hold = new RouteHold(deps.clock);
    this.#lease = new RouteLease(deps, {
      establish: (session) => this.#establish(session),
      renew: () => this.#ack.renew(),
      isWanted: () => this.#view.published?.route.write !== undefined,
      ask: (timing) => this.#view.ask(this.#applied ?? { write: undefined, read: [] }, timing),
      changed: () => this.#alarm?.ring(),
    });
    const { sessionTimeoutMs } = this.#lease.terms;
    const { group, router } = options;
    this.#ack = new RouteAcknowledgement(deps.coordination, {
      group,
      first: { router, version: -1, write: '', oldSessions: 0, leaseMs: sessionTimeoutMs },
      failed: (error) => this.#tell('route not acknowledged', error),
    });
  }

  /**
   * What HAProxy is told when it asks whether the write side may be open. After a failure to apply it may not: then nobody knows what is in
   * force, and HAProxy closes by itself.
   */
  isOpen(): boolean {
    const { leftMs, terms } = this.#lease;
    const early = Math.max(0, this.#options.closesWithinMs - terms.fenceMs);
    return leftMs > early && !this.#failed && this.#view.published?.route.write !== undefined;
  }

  /** Keeps the lease until `signal` aborts. */
  async keepLease(signal: AbortSignal): Promise<void> {
    await this.#lease.run(signal);
  }

  /** Follows the route until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    this.#view.watch(this.#lookAtRoute, this.#lookAtRestInTime, signal);
    await this.#proxy
      .ensureRunning()
      .catch((error: unknown) => this.#tell('haproxy could not be started', error));
    this.#look();
    while (!signal.aborted) {
      await this.#mutex.run(() => this.#apply());
      await alarm.wait(this.#nextLookMs());
      if (this.#deps.clock.monotonic() >= this.#recheckAt) this.#look();
    }
  }

  /** Looks at the route now; of version `release`, clients that wait go on. Throws `SESSION_LOST` when it cannot. */
  async push(release?: number): Promise<RouteAck> {
    // The version that is to be let go need not be read again: clients wait.
    if (release === undefined || this.#view.published?.version !== release) await this.#view.refresh();
    if (release !== undefined) this.#hold.release(release);
    await this.#mutex.run(() => this.#apply());
    return this.#ack.said;
  }

  /** There is something to tell of: the acknowledgement says it. */
  tell(): void {
    this.#acknowledge(this.#ack.said.version);
  }

  /** What is in force. */
  status(): RouteAck & { readonly haproxyPid?: number } {
    const pid = this.#state?.pid;
    return { ...this.#ack.said, ...(pid === undefined ? {} : { haproxyPid: pid }) };
  }

  async close(options: { readonly stop: boolean }): Promise<void> {
    await this.#proxy.close(options);
    // Left running, HAProxy is open until it misses our answers: the acknowledgement stands until the session ends, which is later.
    if (options.stop) await this.#ack.withdraw();
  }

  /** Reads beside the loop: while ZooKeeper does not answer, the end of the lease must not wait for it. */
  #look(): void {
    this.#lookAtRoute();
    this.#lookAtRest();
  }

  readonly #lookAtRoute = (): void => this.#readBeside(this.#view.refresh());

  readonly #lookAtRest = (): void => this.#readBeside(this.#view.refreshRest());

  /** While clients are held, they go before it. */
  readonly #lookAtRestInTime = (): void => {
    if (this.#hold.leftMs === Infinity) this.#lookAtRest();
    else this.#deps.clock.after(restLateMs, this.#lookAtRest);
  };

  #readBeside(reading: Promise<void>): void {
    reading.then(
      () => this.#alarm?.ring(),
      (error: unknown) => {
        // What is known stays in force until the lease is over; the watch wakes us when there is a session again.
        if (!hasCode(error, 'SESSION_LOST', 'TIMED_OUT')) this.#tell('route could not be read', error);
      },
    );
  }

  /**
   * In force is the published route while the lease runs, and the same one closed for writes once it is over. Before the first lease
   * nothing is touched: HAProxy may hold the sessions of the router before us, and closes by itself when we are late.
   */
  async #apply(): Promise<void> {
    const { published } = this.#view;
    if (published === undefined || !this.#lease.began) return;
    const held = this.#lease.isHeld();
    const wanted = held ? this.#hold.heed(published) : { write: undefined, read: published.route.read };
    const version = held ? published.version : -1;
    if (this.#isInForce(wanted)) {
      this.#acknowledge(version);
      return;
    }
    const { placement } = this.#view;
    try {
      this.#state = await this.#proxy.apply(wanted, { timeoutMs: this.#options.applyTimeoutMs, placement });
    } catch (error) {
      this.#applied = undefined;
      this.#failed = true;
      this.#tell('route could not be applied', error);
      return;
    }
    this.#placed = textOf(placement);
    this.#settled(wanted);
    this.#acknowledge(version);
    if (this.#lease.isHeld() !== held) this.#alarm?.ring();
  }

  #isInForce(wanted: Route): boolean {
    const due = this.#deps.clock.monotonic() >= this.#recheckAt;
    const isPlaced = this.#placed === textOf(this.#view.placement);
    return !due && isPlaced && this.#applied !== undefined && sameRoute(this.#applied, wanted);
  }

  #settled(wanted: Route): void {
    const left = this.#state?.oldSessions ?? 0;
    this.#failed = false;
    this.#recheckAt = this.#deps.clock.monotonic() + this.#options.recheckMs;
    if (left > 0) this.#deps.log.error('old sessions of the write side do not end', { left });
    else this.#retryMs = firstRetryMs;
    const before = this.#applied;
    this.#applied = left > 0 ? undefined : wanted;
    if (before !== undefined && sameRoute(before, wanted)) return;
    const read = wanted.read.map(formatEndpoint).join(',');
    const { write = '', held } = this.#state ?? {};
    this.#deps.log.info('route applied', {
      write,
      read,
      oldSessions: left,
      ...(held === true ? { held } : {}),
    });
  }

  #acknowledge(version: number): void {
    const { write, oldSessions, held } = this.#state ?? { write: '', oldSessions: 0, held: false };
    const { sessionTimeoutMs: leaseMs } = this.#lease.terms;
    const { router, distrust } = this.#options;
    const said = { router, version, write, oldSessions, leaseMs, distrust: distrust?.() };
    this.#ack.say(held ? { ...said, held } : said);
  }

  /**
   * First the acknowledgement stands, then the route is read: whoever closes the route meanwhile either is seen by us, or sees that
   * we have not acknowledged it.
   */
  async #establish(session: string): Promise<void> {
    await this.#ack.establish(session);
    await Promise.all([this.#view.refresh(), this.#view.refreshRest()]);
  }

  #nextLookMs(): number {
    const isTroubled = this.#failed || (this.#state?.oldSessions ?? 0) > 0;
    if (!isTroubled) return Math.min(this.#options.recheckMs, this.#hold.leftMs);
    const pauseMs = this.#retryMs;
    this.#retryMs = Math.min(pauseMs * 2, longestRetryMs);
    return pauseMs;
  }

  #tell(message: string, thrown: unknown): void {
    const { code, message: error, details } = toDcmhaError(thrown);
    this.#deps.log.error(message, { code, error, ...details });
  }
}

function sameRoute(a: Route, b: Route): boolean {
  const text = ({ write, read, holdMs }: Route) =>
    [
      write === undefined ? '' : formatEndpoint(write),
      String(holdMs ?? ''),
      ...read.map(formatEndpoint),
    ].join(' ');
  return text(a) === text(b);
}

function textOf(placement: Placement | undefined): string {
  return placement === undefined ? '' : JSON.stringify([...placement]);
}
