import type { Coordination } from '../ports/coordination.ts';
import { znodes } from '../core/store/znodes.ts';

/** Watches the nodes of a changing set of members. */
export class MemberWatches {
  readonly #coordination: Coordination;
  readonly #wake: () => void;
  readonly #watched = new Map<string, AbortController>();

  readonly #pathsOf: (id: string) => readonly string[];

  /** `pathsOf`: what is watched of a member; without it, all that a coordinator looks at. */
  constructor(
    coordination: Coordination,
    wake: () => void,
    signal: AbortSignal,
    pathsOf: (id: string) => readonly string[] = allOf,
  ) {
    this.#pathsOf = pathsOf;
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
      for (const path of this.#pathsOf(id)) {
        this.#coordination.watchData(path, this.#wake, controller.signal);
      }
    }
  }
}

const allOf = (id: string): readonly string[] => [
  znodes.presence(id),
  znodes.host(id),
  znodes.lostReplica(id),
];
