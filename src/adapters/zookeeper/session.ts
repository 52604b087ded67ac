import { setMaxListeners } from 'node:events';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { SessionState } from '../../ports/coordination.ts';
import { Attempts } from './attempts.ts';
import { ServerRing } from './connection-string.ts';
import { LiveClient, type Reply, type Send } from './live-client.ts';
import { CONNECTED_STATE, type NativeClient, type NativeWatchEvent } from './native-client.ts';
import type { SessionOptions } from './options.ts';
import { isLost, resultError, ZSASLREQUIRED, ZSESSIONMOVED } from './result-codes.ts';
import { SessionIdentity } from './session-identity.ts';
import { WaitingList } from './waiting-list.ts';

/** What the owner of a session is told. */
export interface SessionEvents {
  /** After each connect; a new session has lost its ephemeral nodes. */
  connected(): void;
  stateChanged(state: SessionState): void;
  watchFired(event: NativeWatchEvent, path: string): void;
}

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
  readonly #client: LiveClient;
  #state: SessionState = 'connecting';
  #timeoutMs: number;
  #disconnectedAt: number;
  #lastFailure: unknown;
  #attempting = false;

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#disconnectedAt = options.clock.monotonic();
    this.#servers = new ServerRing(options.servers);
    this.#attempts = new Attempts(options.servers.length, options.sessionTimeoutMs);
    this.#client = new LiveClient(options, {
      connected: (client) => this.#connected(client),
      connecting: () => this.#disconnected('connection lost'),
      unauthenticated: () => this.#unauthenticated(),
      expired: () => this.#expired(),
      watchFired: (event, path) => this.#events.watchFired(event, path),
    });
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
    this.#client.release()?.close();
    this.#waiting.expire(Infinity, (what) => this.#unreachable(what));
  }

  async #guard(): Promise<void> {
    const { clock, sessionTimeoutMs } = this.#options;
    const usualMs = Math.min(250, Math.max(20, sessionTimeoutMs / 20));
    while (!this.#closing.signal.aborted) {
      this.#waiting.expire(this.#in(0), (what) => this.#unreachable(what));
      if (this.#client.state !== CONNECTED_STATE) this.#disconnected('no answer');
      else if (this.#state === 'connected') this.#attempts.hasLasted(this.#in(0));
      if (this.#state === 'connecting' && this.#attempts.isDue(this.#in(0), this.#client.state)) {
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
      if (this.#state !== 'connecting' || this.#client.state === CONNECTED_STATE) return;
      this.#client.open(address, this.#identity);
    } catch (error) {
      this.#lastFailure = error;
      this.#options.log.debug('zookeeper connection attempt failed', { error: toDcmhaError(error).message });
    } finally {
      this.#attempting = false;
    }
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
    this.#client.release();
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
    this.#client.release();
    this.#forgetSession('session expired');
  }

  /** Another server claims the session, for a connection that we gave up. A new session is the way out. */
  #abandon(): void {
    const client = this.#client.release();
    this.#forgetSession('session moved');
    client?.close();
  }

  #forgetSession(why: string): void {
    this.#identity.forget();
    this.#disconnected(why);
    this.#attempts.hurry();
  }

  #send<T>(what: string, send: Send<T>): Promise<Reply<T>> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.add({ what, deadline: this.#in(this.#timeoutMs), reject });
      const answered = (reply: Reply<T>): void => {
        this.#waiting.delete(waiting);
        resolve(reply);
      };
      if (!this.#client.send(send, answered)) {
        this.#waiting.delete(waiting);
        reject(this.#unreachable(what));
      }
      if (this.#client.dropUnsent()) this.#disconnected('a call cannot be sent');
    });
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
