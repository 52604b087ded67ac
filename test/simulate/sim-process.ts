import type { Clock } from '../../src/ports/system.ts';
import type { EventClock } from './event-clock.ts';

/** Wall time at virtual time 0: fixed, so that records are the same in each run. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * One operating-system process. Whatever reaches it from outside (time, the network, another process) goes through {@link run}: while it
 * is stopped that waits until it goes on, in the order in which it came; once it is dead, nothing reaches it any more.
 */
export class SimProcess implements Clock {
  readonly host: string;
  readonly name: string;
  #state: 'running' | 'stopped' | 'dead' = 'running';
  /** When it was last started or continued. */
  runningSince: number;
  readonly #clock: EventClock;
  #waiting: (() => void)[] = [];

  constructor(clock: EventClock, host: string, name: string) {
    this.#clock = clock;
    this.host = host;
    this.name = name;
    this.runningSince = clock.now;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  run(work: () => void): void {
    if (this.#state === 'running') work();
    else if (this.#state === 'stopped') this.#waiting.push(work);
  }

  after(ms: number, work: () => void): () => void {
    return this.#clock.after(ms, () => this.run(work));
  }

  /** SIGSTOP. */
  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** SIGCONT: what came meanwhile comes now, one by one. */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    this.runningSince = this.#clock.now;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) this.#clock.after(0, () => this.run(work));
  }

  /** SIGKILL. */
  kill(): void {
    this.#state = 'dead';
    this.#waiting = [];
  }

  now(): number {
    return EPOCH_MS + this.#clock.now;
  }

  monotonic(): number {
    return this.#clock.now;
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
}
