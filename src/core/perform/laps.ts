import type { Clock } from '../../ports/system.ts';

/** How long each part of something took, for the log. */
export class Laps {
  readonly #clock: Clock;
  readonly #laps: Record<string, number> = {};
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** This part is over. Done again, its times add up. */
  end(part: string): void {
    const now = this.#clock.monotonic();
    const name = `${part}Ms`;
    this.#laps[name] = Math.round(((this.#laps[name] ?? 0) + now - this.#since) * 10) / 10;
    this.#since = now;
  }

  /** `partMs` to milliseconds. */
  fields(): Readonly<Record<string, number>> {
    return this.#laps;
  }
}
