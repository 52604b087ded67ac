import { approvalInForce } from '../model/approval.ts';
import type { GroupSnapshot, MemberView } from '../model/snapshot.ts';
import { assess, type Assessment } from './assess.ts';
import {
  approvalQuestion,
  needsApproval,
  whyBarred,
  type Circumstances,
  type PlacementRules,
} from './placement.ts';
import { whyNoQuorum, type QuorumRule } from './quorum.ts';
import { whyNoneCommits, type SemiSyncPolicy } from './semi-sync.ts';
import { isBlind } from './sight.ts';

/** The limits that an installation or a group sets (config section `failover` and `fleet`, znode `policy/G`). */
export interface FailoverPolicy {
  readonly automatic: boolean;
  readonly cooldownMs: number;
  readonly stalledMs: number;
  readonly fleetMax: number;
  /** Where the new primary may be; absent: anywhere. */
  readonly rules?: PlacementRules | undefined;
  /** Default half. */
  readonly quorum?: QuorumRule | undefined;
  /** Whether a commit waits for other servers; absent: it is not ours to know. */
  readonly semiSync?: SemiSyncPolicy | undefined;
}

export type RefusalReason =
  | 'paused'
  | 'manual'
  | 'not-acknowledged'
  | 'cooldown'
  | 'fleet-wide-trouble'
  | 'no-candidate'
  | 'needs-approval'
  | 'no-quorum';

export type Decision =
  | { readonly kind: 'nothing' }
  /** Tell the operator; nothing moves. */
  | {
      readonly kind: 'alert';
      readonly alert: 'heartbeat-lost' | 'two-primaries' | 'stalled';
      readonly seen: readonly string[];
      /** When it may be more than an alert, ms from now. */
      readonly afterMs?: number;
    }
  /** Look again after `afterMs`. */
  | { readonly kind: 'look-again'; readonly afterMs: number; readonly seen: readonly string[] }
  /** Something is due, but this observer sees too little of the group: others decide. */
  | { readonly kind: 'step-back'; readonly seen: readonly string[] }
  | { readonly kind: 'failover'; readonly cause: string; readonly seen: readonly string[] }
  /** A failover is due, and this forbids it. */
  | {
      readonly kind: 'refuse';
      readonly reason: RefusalReason;
      readonly why: string;
      readonly cause: string;
      readonly seen: readonly string[];
    };

const doubtMs = 300;

function isAtRest({ members, primary }: GroupSnapshot): boolean {
  return members.some(({ member, paused }) => paused === true && member.id === primary?.id);
}

/**
 * What to do about a group now: a pure function of what was seen and the policy. While an operator works on the primary's host, nobody is
 * told of its agent or of a doubt; that writes are down, and that two servers take them, is told all the same.
 */
export function decide(snapshot: GroupSnapshot, policy: FailoverPolicy): Decision {
  const decision = decideByWhatIsSeen(snapshot, policy);
  if (!isAtRest(snapshot)) return decision;
  const isOfTheHost =
    decision.kind === 'look-again' || (decision.kind === 'alert' && decision.alert !== 'two-primaries');
  return isOfTheHost ? { kind: 'nothing' } : decision;
}

function decideByWhatIsSeen(snapshot: GroupSnapshot, policy: FailoverPolicy): Decision {
  const assessment = assess(snapshot);
  switch (assessment.kind) {
    case 'healthy':
    case 'no-primary-recorded':
      return { kind: 'nothing' };
    case 'heartbeat-lost':
    case 'two-primaries':
      return { kind: 'alert', alert: assessment.kind, seen: assessment.seen };
    case 'primary-in-doubt':
      if (isBlind(snapshot.members)) return { kind: 'step-back', seen: assessment.seen };
      return { kind: 'look-again', afterMs: doubtMs, seen: assessment.seen };
    case 'primary-stalled':
      return decideStalled(snapshot, policy, assessment);
    case 'primary-dead':
      return permit(snapshot, policy, { cause: assessment.kind, seen: assessment.seen });
  }
}

function decideStalled(
  snapshot: GroupSnapshot,
  policy: FailoverPolicy,
  { seen, since, kind }: Extract<Assessment, { kind: 'primary-stalled' }>,
): Decision {
  // The agent's clock may be any time away from ours.
  const stalledForMs = snapshot.seenFor?.verdictMs ?? snapshot.takenAt - since;
  const afterMs = policy.stalledMs - stalledForMs;
  if (afterMs > 0) return { kind: 'alert', alert: 'stalled', seen, afterMs };
  const due = { cause: kind, seen };
  const decision = permit(snapshot, policy, due);
  if (decision.kind === 'step-back') return decision;
  if (decision.kind === 'refuse' && (decision.reason === 'paused' || decision.reason === 'manual'))
    return decision;
  const why = whyNoneCommits(snapshot, policy.semiSync);
  return why === undefined ? decision : { kind: 'refuse', reason: 'not-acknowledged', why, ...due };
}

/** The guards of an automatic failover; the first that forbids it is named. */
function permit(
  snapshot: GroupSnapshot,
  policy: FailoverPolicy,
  due: { readonly cause: string; readonly seen: readonly string[] },
): Decision {
  if (isBlind(snapshot.members)) return { kind: 'step-back', seen: due.seen };
  const refuse = (reason: RefusalReason, why: string): Decision => ({ kind: 'refuse', reason, why, ...due });
  const group = snapshot.group;
  if (snapshot.paused) return refuse('paused', `the group is paused: dcmha unsetwhite --group ${group}`);
  if (isAtRest(snapshot)) {
    const host = snapshot.primary?.id ?? '';
    return refuse('paused', `${host} is paused: dcmha unsetwhite --group ${group} --host ${host}`);
  }
  if (!policy.automatic)
    return refuse('manual', `failover.automatic is false: dcmha failover --group ${group}`);
  const sinceLast = sinceLastFailover(snapshot);
  if (sinceLast < policy.cooldownMs) {
    const why = `last failover ${Math.round(sinceLast / 1000)} s ago, cooldown ${policy.cooldownMs / 1000} s: dcmha ack --group ${group} when its cause is known`;
    return refuse('cooldown', why);
  }
  if (snapshot.recentFailovers >= policy.fleetMax) {
    return refuse(
      'fleet-wide-trouble',
      `${snapshot.recentFailovers} groups lost their primary at once: the network, or us? When that is known: dcmha ack --all`,
    );
  }
  const unplaced = refusePlacement(snapshot, policy.rules);
  if (unplaced !== undefined) return refuse(unplaced.reason, unplaced.why);
  const lacking = whyTooFew(snapshot, policy);
  if (lacking !== undefined) return refuse('no-quorum', `${lacking}: dcmha failover --group ${group}`);
  return { kind: 'failover', ...due };
}

/** Before anything is touched: whether anybody may take over at all, and without being asked for. */
function refusePlacement(
  snapshot: GroupSnapshot,
  rules: PlacementRules | undefined,
): { readonly reason: RefusalReason; readonly why: string } | undefined {
  const { group, members, primary, watermark } = snapshot;
  const circumstances = {
    rules,
    home: members.find(({ member }) => member.id === primary?.id)?.member.dc,
    oldVersion: watermark?.epoch === primary?.epoch ? watermark?.mysql : undefined,
    approved:
      approvalInForce(snapshot.approval, { epoch: primary?.epoch, now: snapshot.takenAt }) !== undefined,
  };
  const others = members.filter(({ member }) => member.id !== primary?.id);
  const barred = others.flatMap((view) => {
    const why = whyNoCandidate(view, circumstances);
    return why === undefined ? [] : [{ view, why: `${view.member.id}: ${why}` }];
  });
  const eligible = others.filter((view) => !barred.some((one) => one.view === view));
  if (eligible.length === 0) {
    const whys = barred.map(({ why }) => why).join('; ');
    return { reason: 'no-candidate', why: `no replica that may be promoted answers: ${whys}` };
  }
  const waiting = eligible.map(({ member }) => member).filter((one) => needsApproval(one, circumstances));
  if (waiting.length < eligible.length) return undefined;
  const command = `dcmha task approve --group ${group}`;
  return { reason: 'needs-approval', why: `${approvalQuestion(waiting)}: ${command}` };
}

function whyNoCandidate(
  { member, probe, presence, paused }: MemberView,
  circumstances: Circumstances,
): string | undefined {
  if (probe?.kind === 'down') return `it does not answer, ${probe.code}`;
  if (paused === true) return 'it is paused';
  // It takes back, or has to, what its primary lacks; meanwhile the primary may come back by itself.
  if (presence?.replication?.state === 'errant') return 'it has transactions of its own';
  const version = probe?.kind === 'up' ? probe.status.version : undefined;
  return whyBarred({ ...member, version }, circumstances);
}

/** While the dead primary's agent is there, its binlog tells what the replicas that are silent may have: the plan decides then. */
function whyTooFew(
  { members, primary }: GroupSnapshot,
  { quorum = 'half' }: FailoverPolicy,
): string | undefined {
  if (members.find(({ member }) => member.id === primary?.id)?.presence !== undefined) return undefined;
  const counted = members.filter(({ member, paused }) => member.id !== primary?.id && paused !== true);
  const asked = counted.filter(({ probe }) => probe?.kind !== 'down').map(({ member }) => member.id);
  return whyNoQuorum(
    counted.map(({ member }) => member),
    asked,
    quorum,
  );
}

/** A failover that is recorded for the future was recorded by a clock that was wrong: then it counts from when it was first seen. */
function sinceLastFailover({ takenAt, lastFailoverAt, seenFor }: GroupSnapshot): number {
  const sinceMs = takenAt - (lastFailoverAt ?? -Infinity);
  return sinceMs < 0 ? (seenFor?.failoverMs ?? 0) : sinceMs;
}
