/** No request is taken that is older; a caller whose clock differs by more is told so first. */
const WINDOW_MS = 30_000;

/** Remembers the nonces of the requests that were taken for as long as their time would be accepted. */
export class ReplayGuard {
  readonly #forgetAt = new Map<string, number>();
  #nextSweep = 0;

  isFresh(time: number, now: number): boolean {
    return Number.isFinite(time) && Math.abs(now - time) <= WINDOW_MS;
  }

  /** False when this nonce was taken before. Only for requests with a valid proof: others must not fill the memory. */
  take(nonce: string, time: number, now: number): boolean {
    this.#sweep(now);
    if (this.#forgetAt.has(nonce)) return false;
    this.#forgetAt.set(nonce, time + WINDOW_MS);
    return true;
  }

  get size(): number {
    return this.#forgetAt.size;
  }

  #sweep(now: number): void {
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + 1000;
    for (const [nonce, at] of this.#forgetAt) if (at < now) this.#forgetAt.delete(nonce);
  }
}
