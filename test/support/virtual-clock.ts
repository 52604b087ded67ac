import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/ports/system.ts';

interface Sleeper {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Wall time at virtual time 0: fixed, so that records are the same in each run. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/** Time that only a test moves. Pauses end in the order of their deadlines; equal ones in the order they were asked for. */
export class VirtualClock implements Clock {
  #time = 0;
  #order = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return EPOCH_MS + this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  pause(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.after(ms, wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  after(ms: number, work: () => void): () => void {
    const wake = (): void => {
      this.#sleepers.delete(sleeper);
      work();
    };
    const sleeper: Sleeper = { at: this.#time + Math.max(0, ms), order: this.#order++, wake };
    this.#sleepers.add(sleeper);
    return () => void this.#sleepers.delete(sleeper);
  }

  /** Moves time by `ms`, waking each pause at its own moment and letting what it wakes run before the next one. */
  async runFor(ms: number): Promise<void> {
    const end = this.#time + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#time = Math.max(this.#time, next.at);
      next.wake();
      await settle();
    }
    this.#time = end;
    await settle();
  }

  /** Moves time until `check` holds; throws when it still does not after `limitMs` of virtual time. Returns how long it took. */
  async runUntil(check: () => boolean, limitMs = 120_000): Promise<number> {
    const start = this.#time;
    await settle();
    while (!check()) {
      const next = this.#next(start + limitMs);
      if (next === undefined) throw new Error(`still not so after ${limitMs} ms of virtual time`);
      this.#time = Math.max(this.#time, next.at);
      next.wake();
      await settle();
    }
    return this.#time - start;
  }

  /** Runs time forward until `promise` settles, and returns or throws what it did. */
  async runThrough<T>(promise: Promise<T>, limitMs = 120_000): Promise<T> {
    let settled = false;
    const done = promise.finally(() => (settled = true));
    // The rejection is delivered by the `return done` below; this only keeps it from counting as unhandled meanwhile.
    done.catch(() => undefined);
    await this.runUntil(() => settled, limitMs);
    return done;
  }

  #next(end: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.at > end) continue;
      if (first === undefined || sleeper.at < first.at) first = sleeper;
      else if (sleeper.at === first.at && sleeper.order < first.order) first = sleeper;
    }
    return first;
  }
}

/** Lets every promise chain that can go on go on: a turn of the loop ends only when no microtask is left. */
async function settle(): Promise<void> {
  await turn();
  await turn();
}
