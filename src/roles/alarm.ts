import type { Clock } from '../ports/system.ts';

const rung = 'rung';

/**
 * What a loop waits on between two rounds: a time, or somebody who rings because something changed. A ring while nobody waits
 * is kept, so no change is slept through; several count as one.
 */
export class Alarm {
  readonly #clock: Clock;
  #rung = false;
  #waiting: AbortController | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    signal.addEventListener('abort', () => this.ring(), { once: true });
  }

  readonly ring = (): void => {
    this.#rung = true;
    // With a reason of its own, no error with a stack is made up for each ring.
    this.#waiting?.abort(rung);
    this.#waiting = undefined;
  };

  /** Resolves after `ms`, at a ring, or at once when there was one since the last wait. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung) {
      this.#waiting ??= new AbortController();
      await this.#clock.pause(ms, this.#waiting.signal);
    }
    this.#rung = false;
  }
}
