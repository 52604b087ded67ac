import path from 'node:path';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../core/model/errors.ts';
import type { Placement } from '../../core/decide/read-placement.ts';
import type { Route } from '../../core/model/group.ts';
import type { LeaseCheck } from '../../core/haproxy/lease-check.ts';
import { holdScriptName } from '../../core/haproxy/hold-script.ts';
import { fileName } from '../../core/haproxy/names.ts';
import { DEFAULT_TEMPLATE } from '../../core/haproxy/template.ts';
import type { ApplyOptions, Proxy, ProxyState } from '../../ports/proxy.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { ConfigStore, type Prepared } from './config-store.ts';
import { HaproxyInstance } from './haproxy-instance.ts';
import { Supervisor } from './supervisor.ts';
import { switchWrite, type WriteSwitch } from './switch-write.ts';
import { WriteHold } from './write-hold.ts';

export interface HaproxyOptions {
  readonly group: string;
  /** The haproxy program. */
  readonly program: string;
  /** Where `G.cfg` is. */
  readonly directory: string;
  /** Where sockets, records and logs are; its path may have about 80 bytes. */
  readonly runDirectory: string;
  readonly lease: LeaseCheck;
  /** For a `G.cfg` that is not there yet: address of the listeners (empty: all), write port (reads: the next one), form. */
  readonly bind: string;
  readonly writePort: number;
  readonly template?: string | undefined;
  /** How long a session to a server that left the read list may go on, ms. Default a minute. */
  readonly drainMs?: number | undefined;
}

// Of the longest path that a socket may have, haproxy uses some for a temporary name while it binds.
const longestSocketPath = 90;
const usualDrainMs = 60_000;
const startupTimeoutMs = 5000;

/** The HAProxy of one group on this host. */
export class Haproxy implements Proxy {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #files: ConfigStore;
  readonly #instance: HaproxyInstance;
  readonly #supervisor: Supervisor;
  readonly #hold = new WriteHold();
  #wanted: Route | undefined;
  #placement: Placement | undefined;
  /** Where the write side leads while its clients are held. */
  #heldFor: Endpoint | undefined;
  #rejected: string | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: HaproxyOptions, deps: { readonly clock: Clock; readonly log: Log }) {
    const { group, program, directory, runDirectory } = options;
    const name = fileName(group);
    const inRun = (suffix: string) => path.join(runDirectory, `${name}.${suffix}`);
    const socket = inRun('sock');
    if (Buffer.byteLength(socket) > longestSocketPath) {
      throw new DcmhaError(
        'CONFIG_INVALID',
        `${socket} is too long for a socket: shorten router.runDirectory`,
        {
          details: { key: 'router.runDirectory', socket },
        },
      );
    }
    this.#clock = deps.clock;
    this.#log = deps.log.with({ group });
    this.#files = new ConfigStore({
      ...options,
      file: path.join(directory, `${name}.cfg`),
      goodFile: inRun('good.cfg'),
      socket,
      holdScript: path.join(runDirectory, holdScriptName),
      // A configuration is handled byte by byte, one character each.
      template: Buffer.from(options.template ?? DEFAULT_TEMPLATE, 'utf8').toString('latin1'),
    });
    this.#instance = new HaproxyInstance({
      program,
      socket,
      recordFile: inRun('json'),
      logFile: inRun('haproxy.log'),
      drainMs: options.drainMs ?? usualDrainMs,
      clock: this.#clock,
      log: this.#log,
      onExit: () => this.#supervisor.wake(),
    });
    this.#supervisor = new Supervisor({
      clock: this.#clock,
      log: this.#log,
      isAlive: () => this.#instance.isAlive(),
      answers: () => this.#instance.answers(),
      kill: () => this.#inTurn(() => this.#instance.kill()),
      revive: () => this.#inTurn(() => this.#ensure()),
      tidy: () => this.#inTurn(() => this.#instance.tidy()),
    });
  }

  apply(route: Route, options: ApplyOptions): Promise<ProxyState> {
    const deadline = this.#clock.monotonic() + options.timeoutMs;
    this.#placement = options.placement ?? this.#placement;
    return this.#inTurn(() => this.#apply(route, deadline));
  }

  async ensureRunning(): Promise<void> {
    await this.#inTurn(() => this.#ensure());
    this.#supervisor.begin();
  }

  state(): Promise<ProxyState> {
    return this.#inTurn(() => this.#state());
  }

  async close({ stop }: { readonly stop: boolean }): Promise<void> {
    await this.#supervisor.end();
    this.#hold.drop();
    if (stop) await this.#inTurn(() => this.#instance.stop());
  }

  // One at a time: a route that is applied while a dead process is started again must not meet half of each.
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task, task);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The write side first, in the running process: nothing on disk may hold that up. */
  async #apply(route: Route, deadline: number): Promise<ProxyState> {
    this.#wanted = route;
    // Clients that wait for nothing else go first. What is wrong with the process is seen right after.
    if (this.#heldFor !== undefined && route.holdMs === undefined && sameEndpoint(this.#heldFor, route.write))
      await this.#hold.end(this.#instance.runtime).catch(() => undefined);
    this.#heldFor = undefined;
    const { runtime } = this.#instance;
    // Asked together: one answer less to wait for. What fails is asked again below.
    const [isThere, servers] = await Promise.all([
      this.#instance.find(),
      runtime.servers('write').catch(() => undefined),
    ]);
    if (!isThere) {
      await this.#start(route);
      return this.#state();
    }
    const switched = await switchWrite(runtime, route.write, { clock: this.#clock, deadline, servers });
    const pid = this.#instance.pid();
    // Last, for clients wait from then on.
    const isHeld = route.holdMs !== undefined && (await this.#hold.begin(runtime, pid));
    // A hold lasts for moments only: the file follows at its end, and nothing of it may hold the clients up.
    if (isHeld && switched.kind === 'done') {
      this.#heldFor = route.write;
      return {
        write: route.write === undefined ? '' : formatEndpoint(route.write),
        oldSessions: 0,
        pid,
        held: true,
        ...this.#complaint(),
      };
    }
    if (!isHeld && switched.kind === 'done') await this.#hold.end(runtime);
    if (switched.kind === 'sessions-left') await this.#replace(route, switched.oldSessions);
    else await this.#followFile(route, switched);
    return this.#state();
  }

  /** The last resort: with the process its sessions end for certain, those of the read side too. */
  async #replace(route: Route, oldSessions: number): Promise<void> {
    this.#log.error('haproxy kept sessions of the write side and is replaced', { oldSessions });
    await this.#instance.kill();
    await this.#start(route);
  }

  async #followFile(route: Route, switched: WriteSwitch): Promise<void> {
    const prepared = await this.#prepare(route);
    const inForce = await this.#instance.follow(prepared.text);
    // A reload closes the write side for a moment, so one that only somebody's edit asks for waits while the writer moves.
    const mayWait = switched.kind === 'done' && switched.changed && inForce === 'edited';
    if (switched.kind === 'done' && (inForce === 'yes' || mayWait)) return;
    const why =
      switched.kind === 'needs-reload' ? switched.why : 'its file asks for what the runtime socket cannot do';
    this.#log.info('haproxy reloaded', { why });
    await this.#reload(prepared, route);
  }

  async #reload(prepared: Prepared, route: Route): Promise<void> {
    const options = { clock: this.#clock, deadline: this.#clock.monotonic() + startupTimeoutMs };
    // The replaced process cannot be reached any more, nor does it check our lease: no session to a writer may stay in it.
    const closed = await switchWrite(this.#instance.runtime, undefined, options);
    if (closed.kind === 'sessions-left') return this.#replace(route, closed.oldSessions);
    try {
      await this.#instance.reload(prepared);
    } catch (error) {
      if (!hasCode(error, 'PROXY_REJECTED')) throw error;
      this.#reject(error.message);
      await switchWrite(this.#instance.runtime, route.write, options);
    }
  }

  async #ensure(): Promise<void> {
    if (await this.#instance.find()) return;
    await this.#start(this.#wanted ?? (await this.#files.closedRoute()));
  }

  async #start(route: Route): Promise<void> {
    try {
      await this.#instance.start(await this.#prepare(route));
    } catch (error) {
      // Nothing runs, so nothing is open: a closed route is in force whatever the file says.
      if (route.write !== undefined || !hasCode(error, 'PROXY_REJECTED')) throw error;
      this.#reject(error.message);
    }
  }

  async #prepare(route: Route): Promise<Prepared> {
    const prepared = await this.#files.prepare(route, this.#placement);
    this.#reject(prepared.rejected);
    return prepared;
  }

  #reject(why: string | undefined): void {
    if (why !== undefined && why !== this.#rejected) {
      this.#log.error('haproxy configuration refused; the last good one stays', { error: why });
    }
    this.#rejected = why;
  }

  #complaint(): Pick<ProxyState, 'rejected'> {
    return this.#rejected === undefined ? {} : { rejected: this.#rejected };
  }

  async #state(): Promise<ProxyState> {
    const rejected = this.#complaint();
    const pid = this.#instance.pid();
    if (pid === undefined) return { write: '', oldSessions: 0, pid, held: false, ...rejected };
    const { runtime } = this.#instance;
    const [held, [server]] = await Promise.all([this.#hold.isOn(runtime), runtime.servers('write')]);
    if (server?.maintenance !== true)
      return { write: server?.address ?? '', oldSessions: 0, pid, held, ...rejected };
    const oldSessions = await runtime.sessionsAfter(server.name, []);
    return { write: '', oldSessions, pid, held, ...rejected };
  }
}
