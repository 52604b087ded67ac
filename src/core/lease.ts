/**
 * The lease rule, the same for a primary's agent and for a router (design, sections 5 and 12). Pure; times are ms of one monotonic clock.
 *
 * A lease is renewed by a write to ZooKeeper that succeeded in the session that holds the process's ephemeral node. It must be over, and the
 * fence done, before the leader expires that session, which it does no sooner than the session timeout T after it last heard of it.
 * A write does not make the leader hear of it: the server that we are connected to tells with the next of the leader's pings, one each
 * half a tick. With ticks of at most T/3, the leader knows after T/6; so a renewal proves that it has heard of every request, reads among them, that
 * was sent T/6 before it and answered. From the youngest of those, T less the time for the fence (T/4: SQL first, SIGKILL last) is the lease.
 * With a renewal each T/6, the lease is never shorter than 5/12 T from the moment the last one was sent.
 *
 * A session's first renewal has none before it. The client library pings at least each T/3, which with the T/6 makes T/2.
 */
export interface LeaseTerms {
  readonly sessionTimeoutMs: number;
  /** Time between renewals. */
  readonly renewEveryMs: number;
  /** After this the leader has heard of a renewal. */
  readonly lagMs: number;
  /** What the fence may take once the lease is over. */
  readonly fenceMs: number;
  /** What an acceptance by all others gives instead of a renewal. */
  readonly extensionMs: number;
  /** What each of them promises for that: the extension and the fence after it. */
  readonly acceptMs: number;
  /** They are asked when no more than this is left. */
  readonly askBeforeMs: number;
}

export interface Lease {
  /** When this session's last few successful renewals, or requests before the first of them, were sent, the newest last. */
  readonly sent: readonly number[];
  /** From here on nothing is vouched for. */
  readonly until: number;
}

export const NO_LEASE: Lease = { sent: [], until: -Infinity };

const slowestRenewalMs = 1000;
/** A renewal that is late by this part of the time between two. */
const overdueFactor = 1.3;
/** Renewals come each second at most, and the lag of the longest session (20 ticks of 2 s) is under 7 s. */
const remembered = 10;

export function leaseTerms(sessionTimeoutMs: number): LeaseTerms {
  const extensionMs = (sessionTimeoutMs * 5) / 12;
  const fenceMs = sessionTimeoutMs / 4;
  const lagMs = sessionTimeoutMs / 6;
  return {
    sessionTimeoutMs,
    renewEveryMs: Math.min(slowestRenewalMs, lagMs),
    lagMs,
    fenceMs,
    extensionMs,
    acceptMs: extensionMs + fenceMs,
    askBeforeMs: lagMs,
  };
}

/** The lease after a renewal sent at `sentAt` succeeded. A late one may give a lease that is over already; the next makes it whole. */
export function renewLease(lease: Lease, sentAt: number, terms: LeaseTerms): Lease {
  const heardOf = lease.sent.filter((sent) => sent <= sentAt - terms.lagMs).at(-1);
  const heard = heardOf ?? sentAt - terms.sessionTimeoutMs / 2;
  const until = heard + terms.sessionTimeoutMs - terms.fenceMs;
  return { sent: [...lease.sent, sentAt].slice(-remembered), until: Math.max(until, lease.until) };
}

/** The lease after everybody who could be promoted accepted, in answer to a request sent at `askedAt`. */
export function extendLease(lease: Lease, askedAt: number, terms: LeaseTerms): Lease {
  return { sent: lease.sent, until: Math.max(lease.until, askedAt + terms.extensionMs) };
}

/**
 * What is left of a lease once a new session is found: no proof for the next renewal, and little time to get it. The old session has
 * expired, which comes after the end of a lease; if that is still to come, this clock stood still for a while (a paused machine).
 */
export function inNewSession(lease: Lease, now: number, terms: LeaseTerms): Lease {
  return { sent: [], until: Math.min(lease.until, now + terms.renewEveryMs / 2) };
}

export function isOver(lease: Lease | undefined, now: number): boolean {
  return lease === undefined || now >= lease.until;
}

/** What is left, ms; 0 when it is over. */
export function leaseLeftMs(lease: Lease | undefined, now: number): number {
  return lease === undefined ? 0 : Math.max(0, lease.until - now);
}

/**
 * When the others are to be asked to accept. The first renewal of a session gives little: late enough that the second has had its chance, for
 * who accepts is not promoted for a while.
 */
export function askDueAt({ sent, until }: Lease, { askBeforeMs, renewEveryMs }: LeaseTerms): number {
  // Later ones do not all extend it: after a silence, one only from the next but one on.
  const overdue = sent.length === 1 ? (sent[0] ?? 0) + renewEveryMs * overdueFactor : -Infinity;
  return Math.max(until - askBeforeMs, overdue);
}
