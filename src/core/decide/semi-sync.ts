import type { Member } from '../model/group.ts';
import type { GroupSnapshot } from '../model/snapshot.ts';
import type { SemiSyncSource, SourceSettings } from '../../ports/semi-sync.ts';

export interface SemiSyncPolicy {
  /** `off`: the servers' settings are the operator's. `auto`: on, and given up for a while when nobody acknowledges. */
  readonly mode: 'off' | 'auto' | 'required';
  /** Who acknowledges: any replica, or only those of other data centres than the primary's. */
  readonly durability: 'any' | 'other-dc';
  /** Acknowledgements that a commit waits for; 0: by the size of the group. */
  readonly acks: number;
  /** In mode `auto`, a commit waits no longer than this, ms. */
  readonly timeoutMs: number;
}

/** A group's own settings; what is not there is as usual. */
export type OwnSemiSyncPolicy = { readonly [K in keyof SemiSyncPolicy]?: SemiSyncPolicy[K] | undefined };

export function semiSyncPolicy(usual: SemiSyncPolicy, own: OwnSemiSyncPolicy = {}): SemiSyncPolicy {
  return {
    mode: own.mode ?? usual.mode,
    durability: own.durability ?? usual.durability,
    acks: own.acks ?? usual.acks,
    timeoutMs: own.timeoutMs ?? usual.timeoutMs,
  };
}

/**
 * What is known of where acknowledged transactions are: each of them is on at least `copies` of `holders`. So whoever knows what
 * `holders - copies + 1` of them have, knows of every one.
 */
export interface Durability {
  readonly holders: readonly string[];
  readonly copies: number;
}

/** How one primary's commits are acknowledged. */
export interface Acknowledgement {
  /** Members whose word counts; [] when there is nobody. */
  readonly ackers: readonly string[];
  readonly acks: number;
  readonly durability: Durability;
}

/**
 * By the size of the group, a commit is on the majority of it, the primary included: then any majority that is left knows of it. With
 * `other-dc` the primary's own copy does not count, for its data centre is what may be lost.
 */
export function acknowledgementOf(
  members: readonly Member[],
  primary: string,
  policy: SemiSyncPolicy,
): Acknowledgement {
  const home = members.find(({ id }) => id === primary)?.dc;
  const isElsewhere = policy.durability === 'other-dc';
  const ackers = members
    // A replica of a replica says nothing to the primary; once its source is the primary, it is none.
    .filter(
      ({ id, dc, from }) =>
        id !== primary && (from === undefined || from === primary) && (!isElsewhere || dc !== home),
    )
    .map(({ id }) => id)
    .sort();
  const wanted = policy.acks === 0 ? Math.floor((ackers.length + 1) / 2) : policy.acks;
  const acks = Math.min(Math.max(1, wanted), ackers.length);
  const durability = isElsewhere
    ? { holders: ackers, copies: acks }
    : { holders: [...ackers, primary].sort(), copies: acks + 1 };
  return { ackers, acks, durability };
}

/** What a commit waits for under `required`, practically without end; less than 2^53. */
const ENDLESS_MS = 1e12;

/**
 * How the primary's plugin should be set, or `leave`. On a server that is open, it is switched on only once enough replicas are attached:
 * replicas first, so that no commit waits for one that is still to come. Before writes open nobody waits yet, and under `required` none
 * may be missed.
 */
export function decideSource(
  now: SemiSyncSource,
  { acks }: Acknowledgement,
  policy: SemiSyncPolicy,
  { open }: { readonly open: boolean },
): SourceSettings | 'leave' {
  const isRequired = policy.mode === 'required';
  const enabled = acks > 0 && (now.enabled || now.clients >= acks || (isRequired && !open));
  const wanted: SourceSettings = {
    enabled,
    acks: Math.max(1, acks),
    timeoutMs: isRequired ? ENDLESS_MS : policy.timeoutMs,
    waitWithoutReplicas: isRequired,
  };
  const isSame =
    now.enabled === wanted.enabled &&
    now.acks === wanted.acks &&
    now.timeoutMs === wanted.timeoutMs &&
    now.waitWithoutReplicas === wanted.waitWithoutReplicas;
  return isSame ? 'leave' : wanted;
}

/** Whether each commit from now on is acknowledged as wanted. */
export function isInForce(now: SemiSyncSource, { acks, ackers }: Acknowledgement): boolean {
  // One more than there are members to acknowledge: a stranger's word may be the one that counted.
  return now.enabled && now.on && acks > 0 && now.acks === acks && now.clients <= ackers.length;
}

/**
 * Why no other server could commit where the primary cannot: under `required` its commits, too, would wait for servers that do not answer,
 * and the group would only change its primary over and over. The stalled one is not counted: what keeps it from committing may keep it
 * from acknowledging. undefined: one could.
 */
export function whyNoneCommits(
  { group, members, primary, watermark }: Pick<GroupSnapshot, 'group' | 'members' | 'primary' | 'watermark'>,
  policy: SemiSyncPolicy | undefined,
): string | undefined {
  if (policy === undefined || primary === undefined) return undefined;
  const { semiSync } = watermark?.epoch === primary.epoch ? watermark : {};
  // Just told not to wait any more, it does so for a moment longer.
  const waitsStill = policy.mode === 'auto' && semiSync?.on === 1 && semiSync.clients < semiSync.acks;
  if (policy.mode !== 'required' && !waitsStill) return undefined;
  const all = members.map(({ member }) => member);
  const there = members
    .filter(({ member, probe }) => member.id !== primary.id && probe?.kind !== 'down')
    .map(({ member }) => member.id);
  const couldCommit = (id: string): boolean => {
    const { ackers, acks } = acknowledgementOf(all, id, policy);
    return acks > 0 && ackers.filter((one) => there.includes(one)).length >= acks;
  };
  if (there.some(couldCommit)) return undefined;
  const { ackers, acks } = acknowledgementOf(all, primary.id, policy);
  return (
    `its commits wait for ${acks} of ${ackers.join(', ')}, and those of any other server would wait, too. Bring servers back, or let ` +
    `commits go on unacknowledged: dcmha policy set --group ${group} semiSync.mode auto`
  );
}

export function sameDurability(a: Durability, b: Durability): boolean {
  return a.copies === b.copies && a.holders.join() === b.holders.join();
}

/**
 * Why the transactions that were acknowledged need not be among what is known, or undefined when they are. `terms`: all of which hold;
 * none: nobody vouches for anything.
 */
export function whyNotDurable(terms: readonly Durability[], known: readonly string[]): string | undefined {
  if (terms.length === 0)
    return 'semi-sync was not in force, or not yet for everything that was acknowledged';
  for (const { holders, copies } of terms) {
    const needed = holders.length - copies + 1;
    const have = holders.filter((id) => known.includes(id));
    if (have.length >= needed) continue;
    const missing = holders.filter((id) => !known.includes(id));
    return `what ${needed} of ${holders.join(', ')} hold must be known, and ${missing.join(', ')} cannot be asked`;
  }
  return undefined;
}
