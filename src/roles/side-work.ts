import type { Alarm } from './alarm.ts';

/** Work of one kind that goes on beside a loop, so that it does not delay the loop's look at the clock: never twice at once. */
export class SideWork {
  /** Not before this; monotonic, ms. */
  dueAt = -Infinity;
  #going = false;

  /**
   * Starts `work`, which does not reject, unless it goes on still or is not due; its end rings `alarm`. Returns when to look again by the
   * clock.
   */
  look(now: number, work: () => Promise<void>, alarm: Alarm | undefined, notBefore = -Infinity): number {
    const at = Math.max(this.dueAt, notBefore);
    if (this.#going) return Infinity;
    if (now < at) return at;
    this.#going = true;
    void work().then(() => {
      this.#going = false;
      alarm?.ring();
    });
    return Infinity;
  }
}
