import type { LeaseTerms } from '../lease.ts';

/** How HAProxy asks the router whether the write side may be open (see `renderConfig`). */
export interface LeaseCheck {
  readonly port: number;
  readonly intervalMs: number;
  /** Failed checks in a row that close the write side. */
  readonly fall: number;
}

const fall = 3;

/**
 * HAProxy must have closed the write side of a router that died or hangs within the time that a lease leaves for the fence: one
 * interval until the next check, and `fall` checks of which each may last an interval.
 */
export function leaseCheckFor(port: number, terms: LeaseTerms): LeaseCheck {
  return { port, intervalMs: Math.max(20, Math.floor(terms.fenceMs / (fall + 1))), fall };
}
