import type { Clock } from '../ports/system.ts';
import type { LocalServer } from './agent-checks.ts';
import type { RejoinState } from './agent-rejoin.ts';

/** Where nobody can be cloned from. */
const firstDonorRetryMs = 15_000;
const longestDonorRetryMs = 600_000;

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
  #donorRetryMs = firstDonorRetryMs;

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
    this.#donorRetryMs = firstDonorRetryMs;
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

  /** Until when what the rejoiner found stands: what may be over by itself is tried again, at growing intervals. */
  untilOf(state: RejoinState): number {
    if (state.kind === 'ready' || state.mayPass !== true) return Infinity;
    const until = this.#clock.monotonic() + this.#donorRetryMs;
    this.#donorRetryMs = Math.min(this.#donorRetryMs * 2, longestDonorRetryMs);
    return until;
  }
}
