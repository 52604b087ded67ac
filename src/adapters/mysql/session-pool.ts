import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { Deadline } from '../system/deadline.ts';
import { Session, type Login } from './session.ts';

/** Kept open per server when nobody uses them. */
const IDLE_MAX = 2;

/** Sessions that outlive a call, so that a look at a server costs a round trip and not a handshake. */
export class SessionPool {
  readonly #login: Login;
  readonly #connectTimeoutMs: number;
  readonly #idle = new Map<string, Session[]>();
  readonly #open = new Set<Session>();
  #closed = false;

  constructor(login: Login, connectTimeoutMs: number) {
    this.#login = login;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** How many connections are open, in use or not. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Gives `use` a session. When a kept one turns out to be dead, `use` is run once more on a new one: everything that goes through
   * here may be done twice. Throws MYSQL_REFUSED, MYSQL_UNREACHABLE and what `use` throws.
   */
  async with<T>(server: Endpoint, deadline: Deadline, use: (session: Session) => Promise<T>): Promise<T> {
    const kept = this.#takeIdle(server);
    if (kept === undefined) return this.#run(await this.connect(server, deadline), use);
    try {
      return await this.#run(kept, use);
    } catch (error) {
      if (!hasCode(error, 'MYSQL_UNREACHABLE') || deadline.passed) throw error;
      return this.#run(await this.connect(server, deadline), use);
    }
  }

  /** As {@link with}, for a call of a port: its deadline begins now. */
  within<T>(
    server: Endpoint,
    options: CallOptions,
    use: (session: Session, deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const deadline = new Deadline(options);
    return this.with(server, deadline, (session) => use(session, deadline));
  }

  /** A session of the caller's own, to be closed by it. */
  async connect(server: Endpoint, deadline: Deadline): Promise<Session> {
    const session = await Session.open(server, this.#login, deadline.within(this.#connectTimeoutMs));
    this.#open.add(session);
    session.onLost(() => this.#forget(session));
    if (this.#closed) session.close();
    return session;
  }

  /** Ends idle sessions politely and the others at once. */
  async close(): Promise<void> {
    this.#closed = true;
    const idle = new Set([...this.#idle.values()].flat());
    for (const session of this.#open) if (!idle.has(session)) session.close();
    await Promise.all([...idle].map((session) => session.quit()));
  }

  async #run<T>(session: Session, use: (session: Session) => Promise<T>): Promise<T> {
    try {
      return await use(session);
    } finally {
      this.#giveBack(session);
    }
  }

  #takeIdle(server: Endpoint): Session | undefined {
    return this.#idle.get(formatEndpoint(server))?.pop();
  }

  #giveBack(session: Session): void {
    if (session.lost) return;
    const name = formatEndpoint(session.server);
    const idle = this.#idle.get(name) ?? [];
    if (this.#closed || idle.length >= IDLE_MAX) {
      session.close();
      return;
    }
    idle.push(session);
    this.#idle.set(name, idle);
  }

  #forget(session: Session): void {
    this.#open.delete(session);
    const idle = this.#idle.get(formatEndpoint(session.server));
    const index = idle?.indexOf(session) ?? -1;
    if (index >= 0) idle?.splice(index, 1);
  }
}
