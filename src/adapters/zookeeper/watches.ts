import { setMaxListeners } from 'node:events';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { NativeStat, NativeWatchEvent } from './native-client.ts';
import { resultError, ZNONODE } from './result-codes.ts';
import type { Session } from './session.ts';

type Kind = 'data' | 'children';

interface Wanted {
  readonly kind: Kind;
  readonly path: string;
  /** See `Coordination.watchData`. */
  readonly lateMs: number;
}

interface Watched {
  readonly kind: Kind;
  readonly path: string;
  /** The least of those who want to be woken. */
  lateMs: number;
  /** Set again not before, but for a new connection; monotonic, ms. */
  calmAt: number;
  readonly wakes: Set<() => void>;
  /** Why it could not be set. */
  readonly trouble: Trouble;
}

/** A watch that could not be set while the connection stood (no permission, no answer) is tried again after this. */
const RETRY_MS = 2000;

/**
 * Watches that last, over the one-shot ones of the C client: each is set again before anybody is woken, and what they wake reads
 * after that, so that no change is missed. All of them are the client's default watch: one with a callback of its own is never
 * freed by the package.
 */
export class Watches {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watched = new Map<string, Watched>();
  readonly #pending = new Set<() => void>();

  constructor(session: Session, tools: { readonly clock: Clock; readonly log: Log }) {
    this.#session = session;
    this.#clock = tools.clock;
    this.#log = tools.log;
  }

  add({ kind, path, lateMs }: Wanted, wake: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    // A role gives one signal to all its watches.
    setMaxListeners(0, signal);
    const key = `${kind}:${path}`;
    const known = this.#watched.get(key);
    const watched: Watched = known ?? {
      kind,
      path,
      lateMs,
      calmAt: -Infinity,
      wakes: new Set(),
      trouble: new Trouble(),
    };
    watched.lateMs = Math.min(watched.lateMs, lateMs);
    // A function of its own for each call, so that two watches with one `wake` do not end together.
    const own = (): void => wake();
    watched.wakes.add(own);
    this.#watched.set(key, watched);
    signal.addEventListener(
      'abort',
      () => {
        watched.wakes.delete(own);
        if (watched.wakes.size === 0 && this.#watched.get(key) === watched) this.#watched.delete(key);
      },
      { once: true },
    );
    if (known === undefined && this.#session.state === 'connected') this.#arm(watched);
  }

  /** A new connection: nobody knows what happened meanwhile. */
  connected(): void {
    for (const watched of [...this.#watched.values()]) this.#rearm(watched);
  }

  fired(event: NativeWatchEvent, path: string): void {
    const data = event === 'child' ? undefined : this.#watched.get(`data:${path}`);
    const children = event === 'changed' ? undefined : this.#watched.get(`children:${path}`);
    for (const watched of [data, children]) if (watched !== undefined) this.#rearmSoon(watched);
  }

  /** What changes until then is found by whoever is woken then. */
  #rearmSoon(watched: Watched): void {
    const now = this.#clock.monotonic();
    const leftMs = watched.calmAt - now;
    watched.calmAt = Math.max(watched.calmAt, now) + watched.lateMs;
    if (leftMs > 0) this.#rearmAfter(watched, leftMs);
    else this.#rearm(watched);
  }

  #rearmAfter(watched: Watched, ms: number): void {
    void this.#clock.pause(ms, this.#session.closed).then(() => {
      if (watched.wakes.size > 0 && this.#session.state === 'connected') this.#rearm(watched);
    });
  }

  #rearm(watched: Watched): void {
    this.#arm(watched);
    for (const wake of watched.wakes) this.#wake(watched, wake);
  }

  /** Sends the request that sets the watch; whatever is read after this call sees later changes by another wake. */
  #arm(watched: Watched): void {
    const armed: Promise<unknown> =
      watched.kind === 'data' ? this.#armData(watched.path) : this.#armChildren(watched);
    armed.then(
      () => void watched.trouble.over(),
      (error: unknown) => this.#failed(watched, error),
    );
  }

  async #armData(path: string): Promise<boolean> {
    const reply = await this.#session.request<NativeStat>('watch', path, (client, done) =>
      client.a_exists(path, true, (rc, _, stat) => done(rc, stat)),
    );
    if (!reply.ok && reply.rc !== ZNONODE) throw resultError(reply.rc, 'watch', path);
    return reply.ok;
  }

  async #armChildren(watched: Watched): Promise<void> {
    const { path } = watched;
    const reply = await this.#session.request<string[]>('watch', path, (client, done) =>
      client.a_get_children(path, true, (rc, _, names) => done(rc, names)),
    );
    if (reply.ok) return;
    if (reply.rc !== ZNONODE) throw resultError(reply.rc, 'watch', path);
    // A missing node cannot tell of its children: wait for it to appear. It may have done so by now.
    if (await this.#armData(path)) this.#rearm(watched);
  }

  #failed(watched: Watched, error: unknown): void {
    if (this.#session.state !== 'connected') return;
    const { message, code } = toDcmhaError(error);
    if (!hasCode(error, 'SESSION_LOST') && watched.trouble.isNews(message))
      this.#log.error('cannot watch', { path: watched.path, code, error: message });
    this.#rearmAfter(watched, RETRY_MS);
  }

  #wake(watched: Watched, wake: () => void): void {
    if (this.#pending.has(wake)) return;
    this.#pending.add(wake);
    queueMicrotask(() => {
      this.#pending.delete(wake);
      if (!watched.wakes.has(wake)) return;
      try {
        wake();
      } catch (error) {
        this.#log.error('a watcher failed', { path: watched.path, error: toDcmhaError(error).message });
      }
    });
  }
}
