import type { Member } from '../model/group.ts';

/** How many of the replicas that could be promoted an automatic failover must have asked (`failover.quorum`). */
export const quorumRules = ['one', 'half', 'majority', 'all'] as const;
export type QuorumRule = (typeof quorumRules)[number];

/**
 * How many of `promotable` replicas are required. A transaction that was acknowledged may have been received by any of them: who asks too few
 * elects a laggard and does not even know what is lost. Half of them is one of one and one of two, so small groups go on without a
 * replica that is being repaired; whoever is to be counted out is paused, or may not be promoted.
 */
export function quorumOf(promotable: number, rule: QuorumRule): number {
  switch (rule) {
    case 'one':
      return Math.min(1, promotable);
    case 'half':
      return Math.ceil(promotable / 2);
    case 'majority':
      return promotable === 0 ? 0 : Math.floor(promotable / 2) + 1;
    case 'all':
      return promotable;
  }
}

/** Why those that could be frozen are too few; undefined when they are enough. */
export function whyNoQuorum(
  members: readonly Pick<Member, 'id' | 'promote'>[],
  frozen: readonly string[],
  rule: QuorumRule,
): string | undefined {
  const promotable = members.filter(({ promote }) => promote !== 'no');
  const asked = promotable.filter(({ id }) => frozen.includes(id)).length;
  const required = quorumOf(promotable.length, rule);
  if (asked >= required) return undefined;
  return `${asked} of ${promotable.length} replicas that may be promoted could be asked, ${required} must be (failover.quorum: ${rule})`;
}
