import type { Random } from '../support/random.ts';
import type { EventClock } from './event-clock.ts';

/** A connection that was lost is tried again this often, as TCP does. */
const RETRANSMIT_MS = 200;

/** What connects the hosts. Each direction between two of them can be cut and made slow on its own; a host that is off reaches nobody. */
export class Network {
  readonly #clock: EventClock;
  readonly #random: Random;
  readonly #cuts = new Map<string, number>();
  readonly #slow = new Map<string, number>();
  readonly #off = new Set<string>();

  constructor(clock: EventClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Cuts may lie over one another: the direction is open when each of them is healed. */
  cut(from: string, to: string): void {
    this.#count(`${from} ${to}`, 1);
  }

  heal(from: string, to: string): void {
    this.#count(`${from} ${to}`, -1);
  }

  /** All that goes from one to the other takes so much longer, ms; 0 ends it. */
  slowDown(from: string, to: string, ms: number): void {
    if (ms > 0) this.#slow.set(`${from} ${to}`, ms);
    else this.#slow.delete(`${from} ${to}`);
  }

  setOff(host: string, off: boolean): void {
    if (off) this.#off.add(host);
    else this.#off.delete(host);
  }

  isOff(host: string): boolean {
    return this.#off.has(host);
  }

  passes(from: string, to: string): boolean {
    if (this.#off.has(from) || this.#off.has(to)) return false;
    return this.#cuts.size === 0 || from === to || !this.#cuts.has(`${from} ${to}`);
  }

  passesBoth(a: string, b: string): boolean {
    return this.passes(a, b) && this.passes(b, a);
  }

  /** How long a message takes now, ms. */
  latency(from: string, to: string): number {
    if (from === to) return 0.1;
    const more = this.#slow.size === 0 ? 0 : (this.#slow.get(`${from} ${to}`) ?? 0);
    return 0.3 + this.#random.next() + more;
  }

  /** One message. While it cannot pass it is sent again, until `giveUpAt`; then it is lost. */
  send(from: string, to: string, giveUpAt: number, arrive: () => void): void {
    const go = (): void => {
      if (this.passes(from, to)) arrive();
      else if (this.#clock.now + RETRANSMIT_MS <= giveUpAt) this.#clock.after(RETRANSMIT_MS, go);
    };
    this.#clock.after(this.latency(from, to), go);
  }

  #count(link: string, change: number): void {
    const cuts = (this.#cuts.get(link) ?? 0) + change;
    if (cuts > 0) this.#cuts.set(link, cuts);
    else this.#cuts.delete(link);
  }
}
