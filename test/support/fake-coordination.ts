import { setMaxListeners } from 'node:events';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type {
  Coordination,
  CreateMode,
  Presence,
  SessionState,
  Znode,
} from '../../src/ports/coordination.ts';

const LIMIT_BYTES = 1_000_000;

interface FakeNode {
  data: Buffer;
  version: number;
  owner: string | undefined;
  modifiedAt: number;
  /** How often its set of children changed: the number of its next sequential child, as in ZooKeeper. */
  sequence: number;
}

interface Watcher {
  readonly kind: 'data' | 'children';
  readonly path: string;
  readonly wake: () => void;
  pending: boolean;
}

/** One call of a fake client, for faults: throw in `before` (nothing was done) or in `after` (it was done, the answer is lost). */
export interface FakeCall {
  readonly op: 'read' | 'children' | 'create' | 'write' | 'remove' | 'sync';
  readonly path: string;
  readonly data?: string | undefined;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function lost(what: string): DcmhaError {
  return new DcmhaError('SESSION_LOST', `${what}: not connected to ZooKeeper`);
}

/**
 * ZooKeeper in memory, for tests: versions, ephemerals, sequences and watches as the real one has them (the contract suite runs
 * against both). Deterministic: nothing waits for time, wakes come in microtasks.
 */
export class FakeZookeeper {
  readonly #nodes = new Map<string, FakeNode>();
  readonly #clients = new Set<FakeCoordination>();
  readonly #now: () => number;
  #sessions = 0;

  /** `now`: the wall clock that nodes are stamped with, ms. */
  constructor(now: () => number = () => 0) {
    this.#now = now;
    this.insert('', '', undefined);
  }

  /** A client with a session of its own. */
  connect(options: { readonly sessionTimeoutMs?: number } = {}): FakeCoordination {
    const client = new FakeCoordination(this, options.sessionTimeoutMs ?? 6000);
    this.#clients.add(client);
    return client;
  }

  /** Makes or overwrites a node and its parents, as someone outside would. */
  put(path: string, data: string): void {
    const parent = parentOf(path);
    if (parent !== '' && !this.#nodes.has(parent)) this.put(parent, '');
    const node = this.#nodes.get(path);
    if (node === undefined) this.insert(path, data, undefined);
    else this.update(path, node, data);
  }

  /** Every node's content by path, sorted: for golden files. */
  dump(): Readonly<Record<string, string>> {
    const paths = [...this.#nodes.keys()].filter((path) => path !== '').sort();
    return Object.fromEntries(
      paths.map((path) => [path, this.#nodes.get(path)?.data.toString('utf8') ?? '']),
    );
  }

  node(path: string): FakeNode | undefined {
    return this.#nodes.get(path);
  }

  childrenOf(path: string): string[] {
    const prefix = `${path}/`;
    return [...this.#nodes.keys()]
      .filter((one) => one.startsWith(prefix) && !one.includes('/', prefix.length))
      .map((one) => one.slice(prefix.length))
      .sort();
  }

  insert(path: string, data: string, owner: string | undefined): void {
    this.#nodes.set(path, {
      data: Buffer.from(data),
      version: 0,
      owner,
      modifiedAt: this.#now(),
      sequence: 0,
    });
    this.#changed(path, true);
  }

  update(path: string, node: FakeNode, data: string): number {
    node.data = Buffer.from(data);
    node.version += 1;
    node.modifiedAt = this.#now();
    this.#changed(path, false);
    return node.version;
  }

  delete(path: string): void {
    this.#nodes.delete(path);
    this.#changed(path, true);
  }

  newSession(): string {
    this.#sessions += 1;
    return `session-${this.#sessions}`;
  }

  endSession(session: string): void {
    for (const [path, node] of [...this.#nodes]) if (node.owner === session) this.delete(path);
  }

  forget(client: FakeCoordination): void {
    this.#clients.delete(client);
  }

  #changed(path: string, existence: boolean): void {
    const parent = this.#nodes.get(parentOf(path));
    if (existence && parent !== undefined) parent.sequence += 1;
    for (const client of this.#clients) {
      client.notify('data', path);
      if (!existence) continue;
      client.notify('children', path);
      client.notify('children', parentOf(path));
    }
  }
}

export class FakeCoordination implements Coordination, AsyncDisposable {
  /** Set by a test: throws to make a call fail. */
  before: (call: FakeCall) => void = () => undefined;
  after: (call: FakeCall) => void = () => undefined;
  readonly #server: FakeZookeeper;
  readonly #timeoutMs: number;
  readonly #watchers = new Set<Watcher>();
  readonly #listeners = new Set<(state: SessionState) => void>();
  readonly #presences = new Map<string, FakePresence>();
  #session: string;
  #expired = false;
  #state: SessionState = 'connected';

  constructor(server: FakeZookeeper, timeoutMs: number) {
    this.#server = server;
    this.#timeoutMs = timeoutMs;
    this.#session = server.newSession();
  }

  // --- what a test does to it ---

  /** Cuts the network: calls fail, no wake comes; the session lives on until {@link expire}. */
  cutOff(): void {
    this.#setState('connecting');
  }

  /** The ensemble ends the session: its ephemerals vanish. A connected client gets a new session at once. */
  expire(): void {
    if (this.#expired || this.#state === 'closed') return;
    this.#expired = true;
    const connected = this.#state === 'connected';
    if (connected) this.#setState('connecting');
    this.#server.endSession(this.#session);
    if (connected) this.reconnect();
  }

  /** Heals the network; a new session when the old one expired. Wakes everyone. */
  reconnect(): void {
    if (this.#state !== 'connecting') return;
    if (this.#expired) this.#session = this.#server.newSession();
    this.#expired = false;
    this.#setState('connected');
    for (const presence of this.#presences.values()) presence.stand();
    for (const watcher of this.#watchers) this.#wake(watcher);
  }

  // --- the port ---

  async read(path: string): Promise<Znode | undefined> {
    return this.#call({ op: 'read', path }, () => {
      const node = this.#server.node(path);
      if (node === undefined) return undefined;
      const { data, version, owner, modifiedAt } = node;
      return { data: Buffer.from(data), version, owner, modifiedAt };
    });
  }

  async children(path: string): Promise<readonly string[]> {
    return this.#call({ op: 'children', path }, () => this.#server.childrenOf(path));
  }

  async create(path: string, data: string, mode: CreateMode = 'persistent'): Promise<string> {
    return this.#call({ op: 'create', path, data }, () => this.#create(path, data, mode));
  }

  async write(path: string, data: string, expectedVersion?: number): Promise<number> {
    return this.#call({ op: 'write', path, data }, () => {
      const node = this.#server.node(path);
      if (node === undefined)
        throw new DcmhaError('ZNODE_MISSING', `there is no ${path}`, { details: { path } });
      this.#expectVersion(path, node, expectedVersion);
      return this.#server.update(path, node, data);
    });
  }

  async remove(path: string, expectedVersion?: number): Promise<boolean> {
    return this.#call({ op: 'remove', path }, () => {
      const node = this.#server.node(path);
      if (node === undefined) return false;
      this.#expectVersion(path, node, expectedVersion);
      if (this.#server.childrenOf(path).length > 0) {
        throw new DcmhaError('ZNODE_CONFLICT', `${path} has children`, { details: { path } });
      }
      this.#server.delete(path);
      return true;
    });
  }

  async sync(path: string): Promise<void> {
    return this.#call({ op: 'sync', path }, () => undefined);
  }

  watchData(path: string, wake: () => void, signal: AbortSignal): void {
    this.#watch('data', path, wake, signal);
  }

  watchChildren(path: string, wake: () => void, signal: AbortSignal): void {
    this.#watch('children', path, wake, signal);
  }

  present(path: string, data: string): Presence {
    this.#presences.get(path)?.end();
    const presence = new FakePresence(this, this.#server, path, data);
    this.#presences.set(path, presence);
    presence.stand();
    return presence;
  }

  state(): SessionState {
    return this.#state;
  }

  sessionTimeoutMs(): number {
    return this.#timeoutMs;
  }

  sessionId(): string | undefined {
    return this.#state === 'closed' ? undefined : this.#session;
  }

  onState(listener: (state: SessionState) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    setMaxListeners(0, signal);
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    if (this.#state === 'closed') return;
    for (const presence of this.#presences.values()) presence.end();
    this.#setState('closed');
    this.#watchers.clear();
    this.#server.forget(this);
    this.#server.endSession(this.#session);
  }

  // --- used by the fake server and presences ---

  notify(kind: Watcher['kind'], path: string): void {
    if (this.#state !== 'connected') return;
    for (const watcher of this.#watchers) {
      if (watcher.kind === kind && watcher.path === path) this.#wake(watcher);
    }
    if (kind === 'data') this.#presences.get(path)?.stand();
  }

  drop(path: string, presence: FakePresence): void {
    if (this.#presences.get(path) === presence) this.#presences.delete(path);
  }

  async #call<T>(call: FakeCall, effect: () => T): Promise<T> {
    await Promise.resolve();
    if (this.#state !== 'connected') throw lost(`${call.op} ${call.path}`);
    if (Buffer.byteLength(call.data ?? '') > LIMIT_BYTES) {
      throw new DcmhaError('ZNODE_TOO_LARGE', `the content of ${call.path} is over 1 MB`, {
        details: { path: call.path },
      });
    }
    this.before(call);
    const result = effect();
    this.after(call);
    return result;
  }

  #create(path: string, data: string, mode: CreateMode): string {
    const parent = this.#server.node(parentOf(path));
    if (parent === undefined || parent.owner !== undefined) {
      throw new DcmhaError('ZNODE_MISSING', `there is no parent of ${path}`, { details: { path } });
    }
    const name = mode === 'sequential' ? `${path}${String(parent.sequence).padStart(10, '0')}` : path;
    if (this.#server.node(name) !== undefined) {
      throw new DcmhaError('ZNODE_EXISTS', `${name} exists`, { details: { path: name } });
    }
    this.#server.insert(name, data, mode === 'ephemeral' ? this.#session : undefined);
    return name;
  }

  #expectVersion(path: string, node: FakeNode, expected: number | undefined): void {
    if (expected === undefined || expected === node.version) return;
    throw new DcmhaError('ZNODE_CONFLICT', `${path} changed meanwhile`, {
      details: { path, expected, version: node.version },
    });
  }

  #watch(kind: Watcher['kind'], path: string, wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    setMaxListeners(0, signal);
    const watcher: Watcher = { kind, path, wake, pending: false };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
  }

  #wake(watcher: Watcher): void {
    if (watcher.pending) return;
    watcher.pending = true;
    queueMicrotask(() => {
      watcher.pending = false;
      if (this.#watchers.has(watcher)) watcher.wake();
    });
  }

  #setState(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

class FakePresence implements Presence {
  readonly #client: FakeCoordination;
  readonly #server: FakeZookeeper;
  readonly #path: string;
  #data: string;
  #wanted = true;

  constructor(client: FakeCoordination, server: FakeZookeeper, path: string, data: string) {
    this.#client = client;
    this.#server = server;
    this.#path = path;
    this.#data = data;
  }

  /** Makes the node be what it should, as far as that is possible now. */
  stand(): void {
    if (this.#client.state() !== 'connected') return;
    const node = this.#server.node(this.#path);
    const ours = node?.owner === this.#client.sessionId();
    if (!this.#wanted) {
      this.#client.drop(this.#path, this);
      if (ours) this.#server.delete(this.#path);
    } else if (node === undefined) {
      const parent = parentOf(this.#path);
      if (this.#server.node(parent) === undefined) this.#server.put(parent, '');
      this.#server.insert(this.#path, this.#data, this.#client.sessionId());
    } else if (ours && node.data.toString('utf8') !== this.#data) {
      this.#server.update(this.#path, node, this.#data);
    }
  }

  end(): void {
    this.#wanted = false;
  }

  async update(data: string): Promise<void> {
    await Promise.resolve();
    this.#data = data;
    this.stand();
  }

  async withdraw(): Promise<void> {
    await Promise.resolve();
    if (!this.#wanted) return;
    this.end();
    this.stand();
  }
}
