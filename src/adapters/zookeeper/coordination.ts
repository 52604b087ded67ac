import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { Coordination, CreateMode, Presence, SessionState, Znode } from '../../ports/coordination.ts';
import type { ZookeeperOptions } from './options.ts';
import type { Clock, Log } from '../../ports/system.ts';
import { parseConnectionString } from './connection-string.ts';
import type { Reply } from './live-client.ts';
import {
  accessList,
  ANY_VERSION,
  FLAG_EPHEMERAL,
  FLAG_SEQUENCE,
  type NativeAcl,
  type NativeStat,
} from './native-client.ts';
import { PresenceKeeper } from './presence-keeper.ts';
import { resultError, ZNODEEXISTS, ZNONODE } from './result-codes.ts';
import { Session } from './session.ts';
import { Watches } from './watches.ts';

/** A server closes the connection over a request of more than 0xfffff bytes (jute.maxbuffer). */
const LIMIT_BYTES = 1_000_000;
const FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: FLAG_EPHEMERAL,
  sequential: FLAG_SEQUENCE,
};

/** The port over one lasting session. */
export class ZookeeperCoordination implements Coordination, AsyncDisposable {
  readonly #session: Session;
  readonly #watches: Watches;
  readonly #root: string;
  readonly #acl: readonly NativeAcl[] | undefined;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #keepers = new Map<string, PresenceKeeper>();
  readonly #listeners = new Set<(state: SessionState) => void>();
  /** Nodes whose access list could not be set when they were made. */
  readonly #unprotected = new Set<string>();

  constructor(options: ZookeeperOptions) {
    const { servers, chroot } = parseConnectionString(options.hosts);
    const { auth, log, clock, sessionTimeoutMs, worldReadable } = options;
    this.#root = `${chroot}${options.root === '/' ? '' : options.root}`;
    this.#clock = clock;
    this.#log = log;
    if (auth !== undefined) this.#acl = accessList(digestId(auth), worldReadable);
    this.#session = new Session(
      { servers, sessionTimeoutMs, auth, clock, log },
      {
        connected: () => this.#connected(),
        stateChanged: (state) => this.#tell(state),
        watchFired: (event, path) => this.#watches.fired(event, path),
      },
    );
    this.#watches = new Watches(this.#session, { clock, log });
  }

  untilConnected(timeoutMs: number): Promise<void> {
    return this.#session.untilConnected(timeoutMs);
  }

  async read(path: string): Promise<Znode | undefined> {
    const full = this.#full(path);
    const reply = await this.#session.request<{ stat: NativeStat; data: Buffer | null }>(
      'read',
      full,
      (client, done) => client.a_get(full, false, (rc, _, stat, data) => done(rc, { stat, data })),
    );
    if (!reply.ok && reply.rc === ZNONODE) return undefined;
    const { stat, data } = valueOf(reply, 'read', full);
    return {
      data: data ?? Buffer.alloc(0),
      version: stat.version,
      owner: stat.ephemeralOwner === '0' ? undefined : stat.ephemeralOwner,
      modifiedAt: stat.mtime.getTime(),
    };
  }

  async children(path: string): Promise<readonly string[]> {
    const full = this.#full(path);
    const reply = await this.#session.request<string[]>('children', full, (client, done) =>
      client.a_get_children(full, false, (rc, _, names) => done(rc, names)),
    );
    if (!reply.ok && reply.rc === ZNONODE) return [];
    return valueOf(reply, 'children', full).sort();
  }

  async create(path: string, data: string, mode: CreateMode = 'persistent'): Promise<string> {
    const full = this.#full(path);
    const bytes = checked(full, data);
    if (path === '' && this.#root.lastIndexOf('/') > 0) await this.#createAbove();
    const creating = this.#session.request<string>('create', full, (client, done) =>
      client.a_create(full, bytes, FLAGS[mode], (rc, _, made) => done(rc, made)),
    );
    // The package makes every node open to all: close it with the very next request, unless its name is to be told first.
    const early = mode === 'sequential' ? undefined : this.#protect(full);
    const made = await creating.then((reply) => valueOf(reply, 'create', full));
    await (early ?? this.#protect(made));
    return made.slice(this.#root.length);
  }

  async write(path: string, data: string, expectedVersion = ANY_VERSION): Promise<number> {
    const full = this.#full(path);
    const bytes = checked(full, data);
    const reply = await this.#session.request<NativeStat>('write', full, (client, done) =>
      client.a_set(full, bytes, expectedVersion, (rc, _, stat) => done(rc, stat)),
    );
    return valueOf(reply, 'write', full).version;
  }

  async remove(path: string, expectedVersion = ANY_VERSION): Promise<boolean> {
    const full = this.#full(path);
    const reply = await this.#session.request<undefined>('remove', full, (client, done) =>
      client.a_delete_(full, expectedVersion, (rc) => done(rc, undefined)),
    );
    if (!reply.ok && reply.rc === ZNONODE) return false;
    valueOf(reply, 'remove', full);
    return true;
  }

  async sync(path: string): Promise<void> {
    const full = this.#full(path);
    const reply = await this.#session.request<undefined>('sync', full, (client, done) =>
      client.a_sync(full, (rc) => done(rc, undefined)),
    );
    valueOf(reply, 'sync', full);
  }

  watchData(path: string, wake: () => void, signal: AbortSignal, lateMs = 0): void {
    this.#watches.add({ kind: 'data', path: this.#full(path), lateMs }, wake, signal);
  }

  watchChildren(path: string, wake: () => void, signal: AbortSignal): void {
    this.#watches.add({ kind: 'children', path: this.#full(path), lateMs: 0 }, wake, signal);
  }

  present(path: string, data: string): Presence {
    this.#keepers.get(path)?.end();
    const isOurs = (owner: string): boolean => this.#session.isOurs(owner);
    const keeper = new PresenceKeeper(
      { store: this, isOurs, clock: this.#clock, log: this.#log },
      path,
      data,
    );
    this.#keepers.set(path, keeper);
    return keeper;
  }

  state(): SessionState {
    return this.#session.state;
  }

  sessionTimeoutMs(): number {
    return this.#session.timeoutMs;
  }

  sessionId(): string | undefined {
    return this.#session.id;
  }

  onState(listener: (state: SessionState) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    setMaxListeners(0, signal);
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const keeper of this.#keepers.values()) keeper.end();
    // Out of whatever callback of the client we may be in.
    await new Promise((resolve) => setImmediate(resolve));
    this.#session.close();
  }

  #full(path: string): string {
    // The C client would take a NUL for the end of the path.
    if (/[\0-\x1f]/.test(path))
      throw new DcmhaError('USAGE', `${JSON.stringify(path)} cannot be a znode's path`);
    return `${this.#root}${path}` || '/';
  }

  /** Nodes above the root may be shared with other installations: they stay as open as the server makes them. */
  async #createAbove(): Promise<void> {
    const parts = this.#root.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const path = `/${parts.slice(0, depth).join('/')}`;
      const reply = await this.#session.request<string>('create', path, (client, done) =>
        client.a_create(path, Buffer.alloc(0), FLAGS.persistent, (rc, _, made) => done(rc, made)),
      );
      if (!reply.ok && reply.rc !== ZNODEEXISTS) throw resultError(reply.rc, 'create', path);
    }
  }

  /** Gives a node its access list; when that fails for the connection, the next one is used for it. */
  async #protect(full: string): Promise<void> {
    const acl = this.#acl;
    if (acl === undefined) return;
    try {
      await this.#session.request<undefined>('protect', full, (client, done) =>
        client.a_set_acl(full, ANY_VERSION, acl, (rc) => done(rc, undefined)),
      );
    } catch (error) {
      this.#unprotected.add(full);
      this.#log.warn('access list not set yet', { path: full, error: toDcmhaError(error).message });
    }
  }

  #connected(): void {
    const unprotected = [...this.#unprotected];
    this.#unprotected.clear();
    for (const full of unprotected) void this.#protect(full);
    this.#watches.connected();
  }

  #tell(state: SessionState): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(state);
      } catch (error) {
        this.#log.error('a listener of the session failed', { error: toDcmhaError(error).message });
      }
    }
  }
}

function checked(path: string, data: string): Buffer {
  const bytes = Buffer.from(data);
  if (bytes.length <= LIMIT_BYTES) return bytes;
  throw new DcmhaError(
    'ZNODE_TOO_LARGE',
    `the content of ${path} is ${bytes.length} bytes; ZooKeeper takes 1 MB`,
    {
      details: { path, sizeBytes: bytes.length },
    },
  );
}

function valueOf<T>(reply: Reply<T>, op: string, path: string): T {
  if (reply.ok) return reply.value;
  throw resultError(reply.rc, op, path);
}

/** As the server's DigestAuthenticationProvider makes it: `user:base64(sha1(user:password))`. */
function digestId({ user, password }: { readonly user: string; readonly password: string }): string {
  return `${user}:${createHash('sha1').update(`${user}:${password}`).digest('base64')}`;
}
