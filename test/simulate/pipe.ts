import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';

const RETRANSMIT_MS = 100;

/** One direction of a TCP connection: what goes in comes out in the same order, and while the network is cut, later. */
export class Pipe {
  readonly #clock: EventClock;
  readonly #network: Network;
  readonly #from: string;
  readonly #to: string;
  #queue: (() => void)[] = [];
  #lastAt = 0;
  #isPumping = false;
  #isBroken = false;

  constructor(clock: EventClock, network: Network, ends: { readonly from: string; readonly to: string }) {
    this.#clock = clock;
    this.#network = network;
    this.#from = ends.from;
    this.#to = ends.to;
  }

  send(arrive: () => void): void {
    if (this.#isBroken) return;
    if (this.#queue.length > 0 || !this.#network.passes(this.#from, this.#to)) {
      this.#queue.push(arrive);
      this.#pump();
      return;
    }
    const at = Math.max(this.#lastAt, this.#clock.now + this.#network.latency(this.#from, this.#to));
    this.#lastAt = at;
    this.#clock.after(at - this.#clock.now, () => {
      if (!this.#isBroken) arrive();
    });
  }

  /** Nothing comes out any more. */
  break(): void {
    this.#isBroken = true;
    this.#queue = [];
  }

  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#clock.after(RETRANSMIT_MS, () => {
      this.#isPumping = false;
      if (this.#isBroken) return;
      if (!this.#network.passes(this.#from, this.#to)) {
        this.#pump();
        return;
      }
      const queue = this.#queue;
      this.#queue = [];
      for (const arrive of queue) this.send(arrive);
    });
  }
}
