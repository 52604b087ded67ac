interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What follows this is a microtask at a fraction of what `queueMicrotask` takes, which makes an asynchronous resource of each. */
const SETTLED = Promise.resolve();

/** Ends a timer that has not run. */
export type Cancel = () => void;

/**
 * The one queue of everything that will happen in a simulated world. Time jumps from event to event; between two of them all promises that
 * can go on do so. Equal times run in the order in which they were asked for, so a run depends on its seed alone.
 */
export class EventClock {
  now = 0;
  /** How many events have run. */
  events = 0;
  readonly #heap: Timer[] = [];
  #order = 0;

  after(ms: number, run: () => void): Cancel {
    const timer: Timer = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    this.#push(timer);
    return () => (timer.run = undefined);
  }

  /**
   * Runs events up to `end`, or until `stop` says so after one of them. What a microtask asks to be done at the next tick comes when no
   * microtask is left, and costs far less than a turn of the loop.
   */
  run(end: number, stop: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (this.#runNext(end)) void SETTLED.then(soon);
          else resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const soon = (): void => process.nextTick(settled);
      const settled = (): void => {
        if (stop()) resolve();
        else step();
      };
      queueMicrotask(() => process.nextTick(step));
    });
  }

  /** False when nothing is left until `end`. */
  #runNext(end: number): boolean {
    const timer = this.#next(end);
    if (timer === undefined) {
      this.now = end;
      return false;
    }
    this.now = timer.at;
    this.events += 1;
    timer.run?.();
    return true;
  }

  #next(end: number): Timer | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (top.run !== undefined && top.at > end) return undefined;
      this.#pop();
      if (top.run !== undefined) return top;
    }
    return undefined;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(timer, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const child = this.#earlierChild(at);
      const below = heap[child];
      if (below === undefined || !isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }

  #earlierChild(at: number): number {
    const [left, right] = [this.#heap[2 * at + 1], this.#heap[2 * at + 2]];
    return left !== undefined && right !== undefined && isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
