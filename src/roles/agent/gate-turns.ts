import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../ports/system.ts';
import { Mutex } from '../mutex.ts';

/** What SQL gets before SIGKILL, however late it is: this process may have been starved, not mysqld. */
const leastSqlMs = 300;

interface CloseLimits {
  /** Monotonic, ms. */
  readonly deadline: number;
  readonly mayKill: boolean;
}

/** Whoever changes read_only waits for its turn; but a close that may take longer does not keep one waiting that may not. */
export class GateTurns {
  readonly #clock: Clock;
  readonly #mutex = new Mutex();
  /** Of the close that is going on. */
  #statement = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run(task);
  }

  /** When the time that SQL gets is over before this close's turn comes, whatever statement is waited for is given up. */
  close<T>(limits: CloseLimits, task: () => Promise<T>): Promise<T> {
    const waiting = new AbortController();
    void this.#hasten(limits, waiting.signal);
    return this.#mutex.run(() => {
      waiting.abort();
      return task();
    });
  }

  /** Runs the statement of a close with the part of the time that is for SQL. */
  statement<T>(limits: CloseLimits, run: (options: CallOptions) => Promise<T>): Promise<T> {
    this.#statement = new AbortController();
    return run({ timeoutMs: this.#sqlMs(limits), signal: this.#statement.signal });
  }

  async #hasten(limits: CloseLimits, turn: AbortSignal): Promise<void> {
    if (!limits.mayKill) return;
    await this.#clock.pause(this.#sqlMs(limits), turn);
    if (!turn.aborted) this.#statement.abort();
  }

  #sqlMs({ deadline, mayKill }: CloseLimits): number {
    const leftMs = Math.max(0, deadline - this.#clock.monotonic());
    return mayKill ? Math.max(leftMs * 0.6, leastSqlMs) : leftMs;
  }
}
