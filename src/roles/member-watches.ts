import type { Coordination } from '../ports/coordination.ts';
import { znodes } from '../core/store/znodes.ts';

/** Watches the presence and the metadata of a changing set of members. */
export class MemberWatches {
  readonly #coordination: Coordination;
  readonly #wake: () => void;
  readonly #watched = new Map<string, AbortController>();

  constructor(coordination: Coordination, wake: () => void, signal: AbortSignal) {
    this.#coordination = coordination;
    this.#wake = wake;
    signal.addEventListener('abort', () => this.follow([]), { once: true });
  }

  /** From now on just these hosts. */
  follow(ids: readonly string[]): void {
    for (const [id, controller] of this.#watched) {
      if (ids.includes(id)) continue;
      controller.abort();
      this.#watched.delete(id);
    }
    for (const id of ids) {
      if (this.#watched.has(id)) continue;
      const controller = new AbortController();
      this.#watched.set(id, controller);
      const paths = [znodes.presence, znodes.host, znodes.lostReplica, znodes.hostWhite];
      for (const path of paths.map((of) => of(id))) {
        this.#coordination.watchData(path, this.#wake, controller.signal);
      }
    }
  }
}
