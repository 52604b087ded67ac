import type { Clock } from '../../ports/system.ts';
import type { LocalServer } from './checks.ts';
import type { RejoinState } from './rejoin.ts';

/** What could not be saved, or cloned, is tried again: somebody may have made room, or repaired a donor. */
const firstRetryMs = 2000;
const longestRetryMs = 300_000;

/** Transactions of this server that the primary of `epoch` lacks, confirmed, and why it is left as it is until then (monotonic, ms). */
interface Standing {
  readonly epoch: number;
  readonly gtids: string;
  readonly why: string;
  readonly until: number;
}

/** Remembers that, and why, this server does not follow the recorded primary. */
export class StandingOut {
  readonly #clock: Clock;
  readonly #local: LocalServer;
  #standing: (Standing & { readonly incarnation: number }) | undefined;
  #retryMs = firstRetryMs;

  constructor(clock: Clock, local: LocalServer) {
    this.#clock = clock;
    this.#local = local;
  }

  remember(standing: Standing): void {
    this.#standing = { ...standing, incarnation: this.#local.incarnation };
    this.#local.checkNow();
  }

  forget(): void {
    this.#standing = undefined;
    this.#retryMs = firstRetryMs;
  }

  /** For people; undefined when it may follow the primary of this epoch as far as is known. */
  why(epoch: number | undefined): string | undefined {
    return this.#standing?.epoch === epoch ? this.#standing?.why : undefined;
  }

  /** Whether nothing is to be tried now. A server that was started again may have been re-provisioned. */
  isInForce(epoch: number): boolean {
    const standing = this.#standing;
    if (standing?.epoch !== epoch || standing.incarnation !== this.#local.incarnation) return false;
    return this.#clock.monotonic() < standing.until;
  }

  /** Until when what the rejoiner found stands: what may be over by itself is tried again. */
  untilOf(state: RejoinState): number {
    return state.kind === 'stays-out' && state.mayPass === true ? this.nextTry() : Infinity;
  }

  /** By the monotonic clock; at growing intervals. */
  nextTry(): number {
    const at = this.#clock.monotonic() + this.#retryMs;
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    return at;
  }
}
