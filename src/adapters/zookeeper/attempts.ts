import { ASSOCIATING_STATE, CONNECTED_STATE, CONNECTING_STATE } from './native-client.ts';

const ROUND_PAUSE_MS = 200;
/** Each attempt that is denied has made a session at the server, and a line in its log. */
const DENIED_ROUND_PAUSE_MS = 1000;
/** A connection that ends sooner has not shown that the server serves us. */
const LASTING_MS = 1000;

/** When the next attempt to connect is made, and what became of the last ones. Times are ms of the monotonic clock. */
export class Attempts {
  readonly #servers: number;
  readonly #longestMs: number;
  /** Since a connection that lasted. */
  #made = 0;
  #at = -Infinity;
  #connectedAt = -Infinity;
  #denial: string | undefined;

  /** `longestMs`: a slow server is waited for so long. */
  constructor(servers: number, longestMs: number) {
    this.#servers = servers;
    this.#longestMs = longestMs;
  }

  /** Why the server that we had a connection to does not serve us; undefined once one does. */
  get denial(): string | undefined {
    return this.#denial;
  }

  begin(now: number): void {
    this.#at = now;
    this.#made += 1;
  }

  /** The next one is due at once. */
  hurry(): void {
    this.#at = -Infinity;
  }

  connected(now: number): void {
    this.#connectedAt = now;
  }

  /** Asked of a connection that stands, or has just ended: whether it was of use. */
  hasLasted(now: number): boolean {
    if (now - this.#connectedAt <= LASTING_MS) return false;
    this.#made = 0;
    this.#denial = undefined;
    return true;
  }

  /** False when that was known. */
  denied(why: string): boolean {
    const isNews = this.#denial === undefined;
    this.#denial = why;
    return isNews;
  }

  /** `state`: the client's that is there now. */
  isDue(now: number, state: number | undefined): boolean {
    return now >= this.#at + this.#patienceMs(state);
  }

  /**
   * How long an attempt may take. A server that has taken the connection and does not answer may be slow: then each attempt is given twice
   * the time, so that the ensemble is not flooded with half-made sessions.
   */
  #patienceMs(state: number | undefined): number {
    const usual = Math.min(1000, Math.max(100, this.#longestMs / 6));
    if (state === ASSOCIATING_STATE) {
      return Math.min(this.#longestMs, usual * 2 ** Math.max(0, this.#made - this.#servers));
    }
    // Connected, it waits for the answer to its credentials.
    if (state === CONNECTING_STATE || state === CONNECTED_STATE) return usual;
    // Refused: the next server at once, but not round and round.
    if (this.#made % this.#servers !== 0) return 0;
    return this.#denial === undefined ? ROUND_PAUSE_MS : DENIED_ROUND_PAUSE_MS;
  }
}
