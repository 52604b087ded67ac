import type { LeaseTerms } from '../lease.ts';

/** How HAProxy asks the router whether the write side may be open (see `renderConfig`). */
export interface LeaseCheck {
  readonly port: number;
  /** From the end of one check to the next while all is well, and how long a check waits for its answer. */
  readonly intervalMs: number;
  /** The same once a check has failed. */
  readonly doubtIntervalMs: number;
  /** Failed checks in a row that close the write side. */
  readonly fall: number;
}

const fall = 3;
/** The wait, three checks without an answer, and twice the doubtful wait between them. */
const intervalsToClose = 1 + fall + 2 * (fall - 1);

/**
 * HAProxy must have closed the write side of a router that died or hangs within the time that a lease leaves for the fence. A hung
 * one is the worst: its checks time out (measured: after `inter`, whatever `timeout check` says). One that is gone refuses at once, so
 * the pause between failed checks is what it has to be started again in; hence it is the longer one.
 */
export function leaseCheckFor(port: number, terms: LeaseTerms): LeaseCheck {
  const intervalMs = Math.max(20, Math.floor(terms.fenceMs / intervalsToClose));
  return { port, intervalMs, doubtIntervalMs: intervalMs * 2, fall };
}

/** How long HAProxy may go on after the last answer, ms. */
export function closesWithinMs(check: LeaseCheck): number {
  const { intervalMs, doubtIntervalMs } = check;
  return intervalMs * (1 + check.fall) + doubtIntervalMs * (check.fall - 1);
}
