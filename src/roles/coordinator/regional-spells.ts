import type { Clock } from '../../ports/system.ts';

/** `unwell`: the receiver is not attached. `none`: no source can be found. `ill`: it has not worked, whatever was tried. */
export type Spell = 'unwell' | 'none' | 'ill';

/** Since when regions have been in a bad way: most of it passes by itself, so nothing is done or told before it has lasted. */
export class RegionalSpells {
  readonly #clock: Clock;
  /** Region -> monotonic ms. */
  readonly #since: Readonly<Record<Spell, Map<string, number>>> = {
    unwell: new Map(),
    none: new Map(),
    ill: new Map(),
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For how many ms it has been so; it begins with the first time that this is asked. */
  lasting(spell: Spell, region: string): number {
    const now = this.#clock.monotonic();
    const since = this.#since[spell].get(region) ?? now;
    this.#since[spell].set(region, since);
    return now - since;
  }

  beginAnew(spell: Spell, region: string): void {
    this.#since[spell].set(region, this.#clock.monotonic());
  }

  end(spell: Spell, region: string): void {
    this.#since[spell].delete(region);
  }
}
