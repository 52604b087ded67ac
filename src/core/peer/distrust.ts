/** After so long without another, it is over, ms. */
const FORGET_MS = 600_000;
/** Different things are told of up to this number: whoever can reach a port could make up more. */
const MOST = 3;

/**
 * What a process was told that cannot be true: no or a wrong proof, a request that was recorded and sent again, an epoch of the past. It is
 * turned away where it arrives; this remembers it, so that an operator is told once of each for as long as it goes on.
 */
export class Distrust {
  readonly #now: () => number;
  readonly #said = new Map<string, number>();

  /** `now`: monotonic, ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** True when it is news. */
  note(what: string, from?: string): boolean {
    const text = from === undefined ? what : `${what} (from ${from})`;
    this.#forget();
    const isNews = !this.#said.has(text);
    if (isNews && this.#said.size >= MOST) return false;
    this.#said.set(text, this.#now());
    return isNews;
  }

  /** For the operator; undefined when there is nothing to say. */
  get text(): string | undefined {
    this.#forget();
    return this.#said.size === 0 ? undefined : [...this.#said.keys()].join('; ');
  }

  #forget(): void {
    const now = this.#now();
    for (const [text, at] of this.#said) if (now - at > FORGET_MS) this.#said.delete(text);
  }
}
