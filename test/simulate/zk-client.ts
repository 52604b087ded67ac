import { setMaxListeners } from 'node:events';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type {
  Coordination,
  CreateMode,
  Presence,
  SessionState,
  Znode,
} from '../../src/ports/coordination.ts';
import { PresenceKeeper } from '../../src/adapters/zookeeper/presence-keeper.ts';
import { silentLog } from '../support/test-log.ts';
import type { SimProcess } from './sim-process.ts';
import type { Request, WatchKind, ZkConnection } from './zk-connection.ts';
import type { ZkEnsemble } from './zk-ensemble.ts';
import type { Reply, ZkServer } from './zk-server.ts';
import type { SimNode } from './zk-tree.ts';

interface Waiting {
  readonly what: string;
  readonly deadline: number;
  readonly reject: (error: unknown) => void;
  readonly resolve: (value: unknown) => void;
}

interface Watched {
  readonly kind: WatchKind;
  readonly path: string;
  readonly wake: () => void;
  isPending: boolean;
}

/** A round of all servers that brought nothing is followed by a pause, ms. */
const ROUND_PAUSE_MS = 200;

/**
 * A process' session with the simulated ensemble, with the behaviour of the real adapter: it lives over connections and sessions, fails
 * calls when the connection is lost without knowing their outcome, and keeps watches. Its presences are kept by the real keeper.
 */
export class ZkClient implements Coordination {
  readonly #process: SimProcess;
  readonly #ensemble: ZkEnsemble;
  readonly #servers: readonly ZkServer[];
  readonly #ids = new Set<string>();
  readonly #calls = new Map<number, Waiting>();
  #parked: Waiting[] = [];
  readonly #watches = new Set<Watched>();
  readonly #listeners = new Set<(state: SessionState) => void>();
  readonly #keepers = new Map<string, PresenceKeeper>();
  #connection: ZkConnection | undefined;
  #attempt = 0;
  #attemptedAt = 0;
  #state: SessionState = 'connecting';
  #id: string | undefined;
  #disconnectedAt: number;
  #heardAt = 0;
  #sentAt = 0;
  #number = 0;

  constructor(process: SimProcess, ensemble: ZkEnsemble, first: number) {
    this.#process = process;
    this.#ensemble = ensemble;
    const { servers } = ensemble;
    this.#servers = servers
      .map((_, at) => servers[(at + first) % servers.length])
      .filter((one) => one !== undefined);
    this.#disconnectedAt = process.monotonic();
    this.#connect();
    this.#guard();
  }

  read(path: string): Promise<Znode | undefined> {
    return this.#request<SimNode | undefined>({ op: 'read', path });
  }

  async children(path: string): Promise<readonly string[]> {
    return this.#request<string[]>({ op: 'children', path });
  }

  create(path: string, data: string, mode: CreateMode = 'persistent'): Promise<string> {
    return this.#request<string>({ op: 'create', path, data, mode });
  }

  write(path: string, data: string, expectedVersion?: number): Promise<number> {
    return this.#request<number>({ op: 'write', path, data, version: expectedVersion });
  }

  remove(path: string, expectedVersion?: number): Promise<boolean> {
    return this.#request<boolean>({ op: 'remove', path, version: expectedVersion });
  }

  sync(path: string): Promise<void> {
    return this.#request<undefined>({ op: 'sync', path });
  }

  watchData(path: string, wake: () => void, signal: AbortSignal): void {
    this.#watch('data', path, wake, signal);
  }

  watchChildren(path: string, wake: () => void, signal: AbortSignal): void {
    this.#watch('children', path, wake, signal);
  }

  present(path: string, data: string): Presence {
    this.#keepers.get(path)?.end();
    const isOurs = (owner: string): boolean => this.#ids.has(owner);
    const keeper = new PresenceKeeper(
      { store: this, isOurs, clock: this.#process, log: silentLog },
      path,
      data,
    );
    this.#keepers.set(path, keeper);
    return keeper;
  }

  state(): SessionState {
    return this.#state;
  }

  sessionTimeoutMs(): number {
    return this.#ensemble.sessionTimeoutMs;
  }

  sessionId(): string | undefined {
    return this.#id;
  }

  onState(listener: (state: SessionState) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    setMaxListeners(0, signal);
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** The process is gone: the kernel closes its connection; the session is left to expire. */
  abandon(): void {
    this.#connection?.closeByClient();
  }

  async #request<T>(request: Request): Promise<T> {
    const what = `${request.op} ${request.path}`;
    const { sessionTimeoutMs } = this.#ensemble;
    if (this.#state !== 'connected') await this.#connected(what, this.#disconnectedAt + sessionTimeoutMs / 3);
    const value: unknown = await new Promise((resolve, reject) => {
      const connection = this.#connection;
      if (connection === undefined) {
        reject(lost(what));
        return;
      }
      const number = ++this.#number;
      this.#calls.set(number, {
        what,
        deadline: this.#process.monotonic() + sessionTimeoutMs,
        resolve,
        reject,
      });
      this.#sentAt = this.#process.monotonic();
      connection.send(number, request);
    });
    return value as T;
  }

  #connected(what: string, deadline: number): Promise<unknown> {
    if (this.#process.monotonic() > deadline) return Promise.reject(lost(what));
    return new Promise((resolve, reject) => this.#parked.push({ what, deadline, resolve, reject }));
  }

  #watch(kind: WatchKind, path: string, wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    setMaxListeners(0, signal);
    const watched: Watched = { kind, path, wake, isPending: false };
    this.#watches.add(watched);
    signal.addEventListener('abort', () => this.#watches.delete(watched), { once: true });
    if (this.#state === 'connected') this.#arm(kind, path);
  }

  #arm(kind: WatchKind, path: string): void {
    void this.#request({ op: 'watch', kind, path }).catch(() => undefined);
  }

  #wake(watched: Watched): void {
    if (watched.isPending) return;
    watched.isPending = true;
    queueMicrotask(() => {
      watched.isPending = false;
      if (this.#watches.has(watched)) watched.wake();
    });
  }

  #connect(): void {
    const server = this.#servers[this.#attempt % this.#servers.length];
    if (server === undefined) return;
    this.#attempt += 1;
    this.#attemptedAt = this.#process.monotonic();
    const tell = (work: () => void): void =>
      this.#process.run(() => {
        if (this.#connection === connection) work();
      });
    const connection = this.#ensemble.connect(this.#process.host, server, this.#id, {
      opened: (session) => tell(() => this.#opened(session)),
      answered: (number, reply) => tell(() => this.#answered(number, reply)),
      fired: (kind, path) => tell(() => this.#fired(kind, path)),
      ponged: () => tell(() => (this.#heardAt = this.#process.monotonic())),
      closed: () => tell(() => this.#disconnected()),
    });
    this.#connection = connection;
  }

  #opened(session: string | undefined): void {
    if (session === undefined) {
      this.#id = undefined;
      this.#again(0);
      return;
    }
    this.#id = session;
    this.#ids.add(session);
    this.#attempt = 0;
    this.#heardAt = this.#sentAt = this.#process.monotonic();
    this.#setState('connected');
    const parked = this.#parked;
    this.#parked = [];
    for (const { resolve } of parked) resolve(undefined);
    for (const watched of this.#watches) {
      this.#arm(watched.kind, watched.path);
      this.#wake(watched);
    }
  }

  #answered(number: number, reply: Reply): void {
    this.#heardAt = this.#process.monotonic();
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (reply.ok) call?.resolve(reply.value);
    else call?.reject(reply.error);
  }

  #fired(kind: WatchKind, path: string): void {
    for (const watched of this.#watches)
      if (watched.kind === kind && watched.path === path) this.#wake(watched);
  }

  #disconnected(): void {
    const before = this.#connection;
    this.#connection = undefined;
    before?.closeByClient();
    for (const { what, reject } of this.#calls.values()) reject(lost(what));
    this.#calls.clear();
    if (this.#state === 'connected') {
      this.#disconnectedAt = this.#process.monotonic();
      this.#setState('connecting');
      this.#attempt = this.#servers.length;
    }
    const isRoundOver = this.#attempt % this.#servers.length === 0;
    this.#again(isRoundOver ? ROUND_PAUSE_MS : 0);
  }

  #again(ms: number): void {
    this.#attemptedAt = this.#process.monotonic() + ms;
    this.#connection?.closeByClient();
    this.#connection = undefined;
    this.#process.after(ms, () => {
      if (this.#connection === undefined) this.#connect();
    });
  }

  /** As the C client: pings when nothing was sent for a third of the timeout, gives a server up that is silent for two thirds. */
  #guard(): void {
    const { sessionTimeoutMs } = this.#ensemble;
    const now = this.#process.monotonic();
    if (this.#state === 'connected') {
      if (now - this.#heardAt >= (sessionTimeoutMs * 2) / 3) this.#disconnected();
      else if (now - this.#sentAt >= sessionTimeoutMs / 3 - 1) {
        this.#sentAt = now;
        this.#connection?.ping();
      }
    } else if (this.#connection !== undefined && now - this.#attemptedAt >= sessionTimeoutMs / 6) {
      this.#disconnected();
    }
    this.#expire(now);
    this.#process.after(sessionTimeoutMs / 12, () => this.#guard());
  }

  #expire(now: number): void {
    for (const [number, { what, deadline, reject }] of this.#calls) {
      if (now < deadline) continue;
      this.#calls.delete(number);
      reject(lost(what));
    }
    for (const { what, deadline, reject } of this.#parked) if (now >= deadline) reject(lost(what));
    this.#parked = this.#parked.filter(({ deadline }) => now < deadline);
  }

  #setState(state: SessionState): void {
    this.#state = state;
    for (const listener of [...this.#listeners]) listener(state);
  }
}

function lost(what: string): DcmhaError {
  return new DcmhaError('SESSION_LOST', `cannot reach ZooKeeper (${what})`);
}
