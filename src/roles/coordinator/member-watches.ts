import type { Coordination } from '../../ports/coordination.ts';
import { znodes } from '../../core/store/znodes.ts';

/** Watches the nodes of a changing set of members. */
export class MemberWatches {
  readonly #coordination: Coordination;
  readonly #wake: () => void;
  /** By path. */
  readonly #watched = new Map<string, AbortController>();

  readonly #pathsOf: (id: string) => readonly string[];

  /** `pathsOf`: what is watched of a member, asked anew each time; without it, all that a coordinator looks at. */
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
    const paths = new Set(ids.flatMap(this.#pathsOf));
    for (const [path, controller] of this.#watched) {
      if (paths.has(path)) continue;
      controller.abort();
      this.#watched.delete(path);
    }
    for (const path of paths) {
      if (this.#watched.has(path)) continue;
      const controller = new AbortController();
      this.#watched.set(path, controller);
      this.#coordination.watchData(path, this.#wake, controller.signal);
    }
  }
}

const allOf = (id: string): readonly string[] => [
  znodes.presence(id),
  znodes.host(id),
  znodes.lostReplica(id),
];
