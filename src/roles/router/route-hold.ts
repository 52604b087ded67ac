import type { PublishedRoute } from '../../core/store/routes.ts';
import type { Route } from '../../core/model/group.ts';
import type { Clock } from '../../ports/system.ts';

/** Longer than any planned change may pause its clients, ms. */
const longestHoldMs = 30_000;

/**
 * Ends a hold whose coordinator does not come back for it: each version of the route is held for its own time, counted by our clock from when
 * we first had it, or until it is released.
 */
export class RouteHold {
  readonly #clock: Clock;
  #version: number | undefined;
  #until = -Infinity;
  #released: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The published route, without its hold once that is over. */
  heed({ route, version }: PublishedRoute): Route {
    if (route.holdMs === undefined) return route;
    if (version === this.#released) return unheld(route);
    const now = this.#clock.monotonic();
    if (version !== this.#version) {
      this.#version = version;
      this.#until = now + Math.min(route.holdMs, longestHoldMs);
    }
    return now < this.#until ? route : unheld(route);
  }

  /** The hold of this version is over; a release of one that is not in force yet waits for it. */
  release(version: number): void {
    this.#released = version;
    if (version === this.#version) this.#until = -Infinity;
  }

  /** What is left of the hold, ms; Infinity without one. */
  get leftMs(): number {
    const left = this.#until - this.#clock.monotonic();
    return left > 0 ? left : Infinity;
  }
}

const unheld = ({ write, read }: Route): Route => ({ write, read });
