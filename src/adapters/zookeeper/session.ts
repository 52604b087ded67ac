import { setMaxListeners } from 'node:events';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { SessionState } from '../../ports/coordination.ts';
import { Admission } from './admission.ts';
import { AfterCallbacks } from './after-callbacks.ts';
import { Attempts } from './attempts.ts';
import { ServerRing } from './connection-string.ts';
import {
  CLIENT_SETTINGS,
  CONNECTED_STATE,
  NOT_CONNECTED_STATE,
  newNativeClient,
  type NativeClient,
  type NativeWatchEvent,
} from './native-client.ts';
import { listenTo } from './listen.ts';
import type { SessionOptions } from './options.ts';
import { isLost, resultError, ZOK, ZSASLREQUIRED, ZSESSIONMOVED } from './result-codes.ts';
import { SessionIdentity } from './session-identity.ts';
import { WaitingList } from './waiting-list.ts';

/** What the owner of a session is told. */
export interface SessionEvents {
  /** After each connect; a new session has lost its ephemeral nodes. */
  connected(): void;
  stateChanged(state: SessionState): void;
  watchFired(event: NativeWatchEvent, path: string): void;
}

/** What the server answered; `rc` says why not. */
export type Reply<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly rc: number };

/** Starts a native call; returns its immediate code, which is negative when nothing was sent. */
type Send<T> = (client: NativeClient, done: (rc: number, value: T) => void) => unknown;

/** While there is no connection, how often its making is looked at. */
const CONNECTING_TICK_MS = 20;

/**
 * One session that lives as long as this object: over as many connections, sessions and native clients as it takes.
 * The C client alone does not do: after a failed first connection it stays in connecting for ever, and its events of a lost
 * connection may come only with the next connection. So a watchdog looks at its state, and replaces a client that does not get
 * connected by a new one that begins with the next server and resumes the same session.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #servers: ServerRing;
  readonly #attempts: Attempts;
  readonly #closing = new AbortController();
  readonly #waiting = new WaitingList();
  readonly #identity = new SessionIdentity();
  #client: NativeClient | undefined;
  #state: SessionState = 'connecting';
  #timeoutMs: number;
  #disconnectedAt: number;
  #lastFailure: unknown;
  readonly #after = new AfterCallbacks();
  #attempting = false;

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#disconnectedAt = options.clock.monotonic();
    this.#servers = new ServerRing(options.servers);
    this.#attempts = new Attempts(options.servers.length, options.sessionTimeoutMs);
    setMaxListeners(0, this.#closing.signal);
    void this.#guard();
  }

  get state(): SessionState {
    return this.#state;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  get id(): string | undefined {
    return this.#identity.id;
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Whether an ephemeral node's owner is this session or one before it. */
  isOurs(owner: string): boolean {
    return this.#identity.isOurs(owner);
  }

  /** Resolves when there is a connection; rejects `SESSION_LOST` at the deadline, naming the servers, and why they deny us. */
  async untilConnected(timeoutMs: number): Promise<void> {
    if (this.#state === 'connected') return;
    await this.#connection('connect', this.#in(timeoutMs));
  }

  /**
   * Sends one call and resolves with its result code; everything that says the connection is lost is thrown as `SESSION_LOST`.
   * While connected the call is sent before this function returns, so that calls keep their order. A connection that was lost a moment
   * ago is waited for; one that stays away fails calls at once.
   */
  async request<T>(op: string, path: string, send: Send<T>): Promise<Reply<T>> {
    const what = `${op} ${path}`;
    if (this.#state !== 'connected') {
      await this.#connection(what, this.#disconnectedAt + this.#timeoutMs / 3);
    }
    const reply = await this.#send(what, send);
    if (!reply.ok && reply.rc === ZSASLREQUIRED) this.#denied('SASL authentication is wanted');
    if (reply.ok || !isLost(reply.rc)) return reply;
    if (reply.rc === ZSESSIONMOVED) this.#abandon();
    throw resultError(reply.rc, op, path);
  }

  /** Ends the session at the server, so that its ephemeral nodes vanish now; when it is cut off, they do by the timeout. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#closing.abort();
    this.#setState('closed');
    const client = this.#client;
    this.#client = undefined;
    client?.close();
    this.#waiting.expire(Infinity, (what) => this.#unreachable(what));
  }

  async #guard(): Promise<void> {
    const { clock, sessionTimeoutMs } = this.#options;
    const usualMs = Math.min(250, Math.max(20, sessionTimeoutMs / 20));
    while (!this.#closing.signal.aborted) {
      this.#waiting.expire(this.#in(0), (what) => this.#unreachable(what));
      if (this.#client?.state !== CONNECTED_STATE) this.#disconnected('no answer');
      else if (this.#state === 'connected') this.#attempts.hasLasted(this.#in(0));
      if (this.#state === 'connecting' && this.#attempts.isDue(this.#in(0), this.#client?.state)) {
        void this.#attempt();
      }
      await clock.pause(this.#state === 'connected' ? usualMs : CONNECTING_TICK_MS, this.#closing.signal);
    }
  }

  async #attempt(): Promise<void> {
    // Looking names up may take long.
    if (this.#attempting) return;
    this.#attempting = true;
    this.#attempts.begin(this.#in(0));
    try {
      const address = await this.#servers.next();
      const former = this.#client;
      if (this.#state !== 'connecting' || former?.state === CONNECTED_STATE) return;
      this.#client = undefined;
      // Not connected: closing it does not end the session, which the next client resumes.
      former?.close();
      this.#open(newNativeClient(), address);
    } catch (error) {
      this.#lastFailure = error;
      this.#options.log.debug('zookeeper connection attempt failed', { error: toDcmhaError(error).message });
    } finally {
      this.#attempting = false;
    }
  }

  #open(client: NativeClient, address: string): void {
    const { auth, sessionTimeoutMs } = this.#options;
    const admission = new Admission({ credentials: auth !== undefined }, () => this.#connected(client));
    this.#adopt(client, admission);
    client.init({
      connect: address,
      timeout: sessionTimeoutMs,
      ...CLIENT_SETTINGS,
      ...this.#identity.credentials,
    });
    if (auth === undefined) return;
    // Sent in front of everything else, at each connect. Servers take any password: a wrong one shows itself as ZNODE_DENIED.
    client.add_auth('digest', `${auth.user}:${auth.password}`, (rc) =>
      this.#after.run(() => this.#client === client && admission.credentials(rc === ZOK)),
    );
  }

  /** Events of a client that was replaced meanwhile are not ours any more. */
  #adopt(client: NativeClient, admission: Admission): void {
    this.#client = client;
    const run = (work: () => void): void =>
      this.#after.run(() => {
        if (this.#client === client) work();
      });
    listenTo(client, run, {
      session: () => admission.session(),
      connecting: () => this.#disconnected('connection lost'),
      unauthenticated: () => this.#unauthenticated(),
      expired: () => this.#expired(),
      watchFired: (event, path) => this.#events.watchFired(event, path),
    });
  }

  #connected(client: NativeClient): void {
    const { log } = this.#options;
    const fresh = this.#identity.take(client);
    this.#timeoutMs = client.timeout;
    this.#attempts.connected(this.#in(0));
    log.info('zookeeper connected', { session: this.id, fresh, sessionTimeoutMs: this.#timeoutMs });
    this.#setState('connected');
    this.#waiting.connected();
    this.#events.connected();
  }

  #disconnected(why: string): void {
    if (this.#state !== 'connected') return;
    this.#disconnectedAt = this.#in(0);
    this.#options.log.warn('zookeeper connection lost', { session: this.id, why });
    this.#setState('connecting');
    // Its own attempts are not waited for.
    if (this.#attempts.hasLasted(this.#in(0))) void this.#attempt();
  }

  /** The C client has closed itself: the server does not take our credentials. The session, if there was one, goes on. */
  #unauthenticated(): void {
    this.#client = undefined;
    this.#denied(`digest authentication of ${this.#options.auth?.user ?? ''} is refused`);
    this.#disconnected('authentication failed');
  }

  #denied(why: string): void {
    if (!this.#attempts.denied(why)) return;
    this.#options.log.error('zookeeper denies us', { why, hosts: this.#servers.text });
  }

  /** The C client has closed itself: the session is over. */
  #expired(): void {
    this.#options.log.warn('zookeeper session expired', { session: this.id });
    this.#forgetSession('session expired');
  }

  /** Another server claims the session, for a connection that we gave up. A new session is the way out. */
  #abandon(): void {
    const client = this.#client;
    this.#forgetSession('session moved');
    client?.close();
  }

  #forgetSession(why: string): void {
    this.#client = undefined;
    this.#identity.forget();
    this.#disconnected(why);
    this.#attempts.hurry();
  }

  #send<T>(what: string, send: Send<T>): Promise<Reply<T>> {
    const client = this.#client;
    if (client === undefined) throw this.#unreachable(what);
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.add({ what, deadline: this.#in(this.#timeoutMs), reject });
      const answered = (reply: Reply<T>): void => {
        this.#waiting.delete(waiting);
        resolve(reply);
      };
      const code = send(client, (rc, value) =>
        this.#after.run(() => answered(rc === ZOK ? { ok: true, value } : { ok: false, rc })),
      );
      if (typeof code === 'number' && code < ZOK) answered({ ok: false, rc: code });
      this.#dropUnsent(client);
    });
  }

  /**
   * A call that cannot be sent makes the C client close its socket, while the package still has it in the event loop, which aborts the
   * process at its next turn. Closing the client now, before that turn, takes it out.
   */
  #dropUnsent(client: NativeClient): void {
    if (client.state !== NOT_CONNECTED_STATE) return;
    this.#client = undefined;
    client.close();
    this.#disconnected('a call cannot be sent');
  }

  #connection(what: string, deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'closed' || this.#in(0) > deadline) reject(this.#unreachable(what));
      else this.#waiting.add({ what, deadline, reject, connected: resolve });
    });
  }

  #in(ms: number): number {
    return this.#options.clock.monotonic() + ms;
  }

  #unreachable(what: string): DcmhaError {
    const hosts = this.#servers.text;
    const told = `${hosts}: ${this.#attempts.denial ?? 'no answer'}`;
    const why = this.#state === 'closed' ? 'the session is closed' : told;
    return new DcmhaError('SESSION_LOST', `cannot reach ZooKeeper (${what}): ${why}`, {
      details: { hosts, session: this.id },
      cause: this.#lastFailure,
    });
  }

  #setState(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.stateChanged(state);
  }
}
