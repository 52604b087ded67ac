import type { Clock } from '../../ports/system.ts';
import type { Plan } from './plan.ts';

/** A step that is quicker than this is written together with the one before it; one that is slower waits a little longer, ms. */
const holdBackMs = 50;

/**
 * Writes a plan's journal behind its steps, one write at a time. A write is held back for a moment: clients wait for a plan, and the ensemble needs
 * longer to write what two quick steps brought, one after the other, than they took.
 */
export class WriteBehind {
  readonly #save: (plan: Plan) => Promise<void>;
  readonly #clock: Clock;
  #latest: Plan | undefined;
  #begin = new AbortController();
  #written = Promise.resolve();

  constructor({ save, clock }: { readonly save: (plan: Plan) => Promise<void>; readonly clock: Clock }) {
    this.#save = save;
    this.#clock = clock;
  }

  /** Is written soon, and at once when something was held back already: a plan is never more than two steps ahead of a write. */
  async put(plan: Plan): Promise<void> {
    if (this.#latest === undefined) {
      await this.#written;
      this.#begin = new AbortController();
      this.#written = this.#writeSoon(this.#begin.signal);
      // Whoever waits for it next is told; nobody does when the next step fails first.
      this.#written.catch(() => undefined);
    } else this.#begin.abort();
    this.#latest = plan;
  }

  /** Resolves once all that was put is written. Throws what the save threw. */
  async flush(): Promise<void> {
    this.#begin.abort();
    await this.#written;
  }

  async #writeSoon(now: AbortSignal): Promise<void> {
    await this.#clock.pause(holdBackMs, now);
    const plan = this.#latest;
    this.#latest = undefined;
    if (plan !== undefined) await this.#save(plan);
  }
}
