import type { PrimaryRecord } from '../model/group.ts';

/** What an agent knows of its group, from ZooKeeper. */
export interface GroupFacts {
  readonly group: string;
  readonly record: PrimaryRecord | undefined;
  /** A plan is journalled and has not ended: only its coordinator's requests move anything. */
  readonly planRunning: boolean;
  /** The group, or this host, is left to an operator. */
  readonly paused: boolean;
}

/** What an agent knows of its own host when it decides whether writes may be open there. */
export interface WriterSituation {
  /** This host's id. */
  readonly self: string;
  /** undefined: no metadata of this host yet, or ZooKeeper was never reached. */
  readonly facts: GroupFacts | undefined;
  /** super_read_only is off. */
  readonly writable: boolean;
  /** This agent may have opened it: it has not been seen closed since. */
  readonly ours: boolean;
  /** The highest epoch that was fenced here; -1 for none. */
  readonly fencedEpoch: number;
  /** The epoch that this agent holds a lease for, over or not. */
  readonly tenureEpoch: number | undefined;
  /** Another primary was promised that none is opened here for so long, ms. */
  readonly heldMs: number;
}

export type WriterDecision =
  | { readonly kind: 'leave'; readonly why?: string }
  | { readonly kind: 'close'; readonly why: string }
  /** Writes are open, rightly, and nobody keeps the lease yet: the agent was restarted, or the installation is adopted. */
  | { readonly kind: 'adopt'; readonly epoch: number }
  /** The recorded primary came back read-only, as mysqld boots. */
  | { readonly kind: 'open'; readonly epoch: number };

/**
 * Whether the agent itself opens or closes writes on its host now. A group without any record is left as it is: an installation that
 * is being adopted has a writing primary before it has a record, and the bootstrap plan makes the others read-only.
 *
 * During a pause, what somebody opened by hand is theirs: no route leads there, and closing it again would fight the operator. Two things
 * are closed all the same: what this agent itself opened, once another primary is recorded; and everything while a plan runs, which counts
 * on it.
 */
export function decideWriter(situation: WriterSituation): WriterDecision {
  const { facts, self, writable, fencedEpoch } = situation;
  if (facts?.record === undefined) return { kind: 'leave', why: 'no primary is recorded' };
  const { id, epoch } = facts.record;
  if (id !== self) {
    if (!writable) return { kind: 'leave' };
    if (facts.paused && !facts.planRunning && !situation.ours)
      return { kind: 'leave', why: 'it was opened by hand during a pause' };
    return { kind: 'close', why: `the recorded primary is ${id}` };
  }
  if (epoch <= fencedEpoch) {
    const why = `epoch ${epoch} was fenced here`;
    return writable ? { kind: 'close', why } : { kind: 'leave', why };
  }
  if (!writable) return reopen(situation, facts, epoch);
  return situation.tenureEpoch === epoch ? { kind: 'leave' } : { kind: 'adopt', epoch };
}

function reopen(situation: WriterSituation, facts: GroupFacts, epoch: number): WriterDecision {
  if (facts.planRunning) return { kind: 'leave', why: 'a plan is running' };
  if (facts.paused) return { kind: 'leave', why: 'the group is paused' };
  if (situation.heldMs > 0) return { kind: 'leave', why: 'another primary was accepted' };
  return { kind: 'open', epoch };
}

export type OpenRefusal =
  | 'not-ready'
  | 'other-group'
  | 'not-recorded'
  | 'stale-epoch'
  | 'past-epoch'
  | 'fenced-epoch'
  | 'accepted-primary'
  | 'plan-running'
  | 'paused'
  | 'no-presence'
  | 'no-lease';

/** Why writes under `epoch` may not be opened here, by a record that was read for the purpose; undefined when they may. */
export function refuseOpen(
  request: { readonly group: string; readonly epoch: number },
  situation: WriterSituation,
): { readonly reason: OpenRefusal; readonly why: string } | undefined {
  const { facts, self, fencedEpoch, heldMs } = situation;
  if (facts === undefined) return { reason: 'not-ready', why: 'this agent does not know its group yet' };
  if (facts.group !== request.group)
    return { reason: 'other-group', why: `this host belongs to group ${facts.group}` };
  const { record } = facts;
  if (record?.id !== self)
    return { reason: 'not-recorded', why: `the recorded primary is ${record?.id ?? 'nobody'}` };
  if (request.epoch < record.epoch)
    return { reason: 'past-epoch', why: `epoch ${request.epoch} is past: the record's is ${record.epoch}` };
  if (record.epoch !== request.epoch)
    return { reason: 'stale-epoch', why: `the record's epoch is ${record.epoch}, not ${request.epoch}` };
  if (request.epoch <= fencedEpoch)
    return { reason: 'fenced-epoch', why: `epoch ${fencedEpoch} was fenced here` };
  if (heldMs > 0)
    return {
      reason: 'accepted-primary',
      why: `another primary was accepted for ${Math.ceil(heldMs)} ms more`,
    };
  return undefined;
}

/**
 * Why a fence of `epoch` is not asked for by anybody who runs a plan: this host is open under a later one. Whatever was written under
 * that epoch or before is over.
 */
export function refuseFence(
  request: { readonly group: string; readonly epoch: number },
  { facts, tenureEpoch, fencedEpoch }: WriterSituation,
): { readonly reason: string; readonly why: string } | undefined {
  if (facts !== undefined && facts.group !== request.group)
    return { reason: 'other-group', why: `this host belongs to group ${facts.group}` };
  const isPast =
    tenureEpoch !== undefined &&
    tenureEpoch > request.epoch &&
    tenureEpoch > fencedEpoch &&
    facts?.record?.epoch === tenureEpoch;
  if (!isPast) return undefined;
  return {
    reason: 'past-epoch',
    why: `epoch ${request.epoch} is past: writes are open under ${tenureEpoch}`,
  };
}

/** A primary that is cut off from ZooKeeper, or a router for it, asks to be accepted a little longer. */
export interface AcceptRequest {
  readonly group: string;
  readonly epoch: number;
  readonly primary: string;
}

/** Why this host cannot promise to refuse promotion for the sake of that primary; undefined when it can. */
export function refuseAcceptance(
  request: AcceptRequest,
  situation: Pick<WriterSituation, 'self' | 'facts' | 'fencedEpoch' | 'tenureEpoch'> & {
    readonly leaseOver: boolean;
  },
): { readonly reason: string; readonly why: string } | undefined {
  const { facts, self, tenureEpoch } = situation;
  if (facts !== undefined && facts.group !== request.group)
    return { reason: 'other-group', why: `this host belongs to group ${facts.group}` };
  if (situation.fencedEpoch >= request.epoch)
    return { reason: 'newer-epoch', why: `epoch ${situation.fencedEpoch} was fenced here` };
  if (request.primary === self) {
    const holds = tenureEpoch === request.epoch && !situation.leaseOver;
    return holds
      ? undefined
      : { reason: 'no-lease', why: `${self} holds no lease for epoch ${request.epoch}` };
  }
  if (tenureEpoch !== undefined && tenureEpoch >= request.epoch)
    return { reason: 'promoted', why: `${self} is the primary of epoch ${tenureEpoch}` };
  return facts === undefined ? undefined : refuseByFacts(request, facts);
}

function refuseByFacts(
  { epoch, primary }: AcceptRequest,
  { record, planRunning }: GroupFacts,
): { readonly reason: string; readonly why: string } | undefined {
  if (record !== undefined && record.epoch > epoch)
    return { reason: 'newer-epoch', why: `the record's epoch is ${record.epoch}` };
  if (record?.epoch === epoch && record.id !== primary)
    return { reason: 'other-primary', why: `the primary of epoch ${epoch} is ${record.id}` };
  // Somebody who can reach ZooKeeper is moving the primary: to go on accepting would hold that up for ever.
  if (planRunning) return { reason: 'plan-running', why: 'a plan is running for the group' };
  return undefined;
}
