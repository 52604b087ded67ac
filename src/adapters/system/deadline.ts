/**
 * The moment by which something must be done: a duration counted from its making, and the caller's own signal, whichever is first.
 * On the real clock: only adapters use it.
 */
export class Deadline {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly #end: number;

  constructor(options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined }) {
    this.timeoutMs = options.timeoutMs;
    this.signal = options.signal;
    this.#end = performance.now() + options.timeoutMs;
  }

  /** Never negative. */
  remainingMs(): number {
    return Math.max(0, this.#end - performance.now());
  }

  get passed(): boolean {
    return this.signal?.aborted === true || this.remainingMs() === 0;
  }

  /** The same end, or one that comes sooner. */
  within(timeoutMs: number): Deadline {
    return new Deadline({ timeoutMs: Math.min(timeoutMs, this.remainingMs()), signal: this.signal });
  }

  /**
   * What `promise` gives, or, once the deadline has passed, what `late` throws. `late` also releases what the promise holds; the
   * promise's own later failure is then of no interest.
   */
  race<T>(promise: Promise<T>, late: (reason: 'timeout' | 'abort') => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal } = this;
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const giveUp = (reason: 'timeout' | 'abort'): void => {
        settle();
        reject(late(reason));
      };
      const abort = (): void => giveUp('abort');
      const timer = setTimeout(() => giveUp('timeout'), this.remainingMs());
      promise.then(resolve, reject).finally(settle);
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
