import type { DcmhaError } from '../../core/model/errors.ts';

export interface Waiting {
  readonly what: string;
  /** By the monotonic clock, ms. */
  readonly deadline: number;
  readonly reject: (error: DcmhaError) => void;
  /** Set by who waits for a connection, not for an answer. */
  readonly connected?: () => void;
}

/** Calls that wait for an answer or a connection. One timer of the session serves all their deadlines. */
export class WaitingList {
  readonly #all = new Set<Waiting>();

  add(waiting: Waiting): Waiting {
    this.#all.add(waiting);
    return waiting;
  }

  delete(waiting: Waiting): void {
    this.#all.delete(waiting);
  }

  connected(): void {
    for (const waiting of [...this.#all]) {
      if (waiting.connected === undefined) continue;
      this.#all.delete(waiting);
      waiting.connected();
    }
  }

  /** Rejects those whose deadline is before `time`. */
  expire(time: number, error: (what: string) => DcmhaError): void {
    for (const waiting of [...this.#all]) {
      if (waiting.deadline > time) continue;
      this.#all.delete(waiting);
      waiting.reject(error(waiting.what));
    }
  }
}
