/** What came of pointing a replica at its new source. */
export interface Attached {
  readonly host: string;
  /** Why it does not follow; undefined: it does. */
  readonly why?: string;
}

/** Replicas that are pointed at the new primary of a plan beside its other steps, for commits there wait for them. */
export class Attaching {
  #work: Promise<readonly Attached[]> = Promise.resolve([]);

  /** Once: what is under way, or done, is not begun again. */
  begin(work: () => Promise<readonly Attached[]>): void {
    this.#work = this.#work.then((before) => (before.length > 0 ? before : work())).catch(() => []);
  }

  /** Whom it was tried with; empty when it was not begun, or by another coordinator. */
  results(): Promise<readonly Attached[]> {
    return this.#work;
  }
}
