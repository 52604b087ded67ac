import type { PromoteRule } from '../model/promote.ts';

/** Where a group's primary may be. */
export interface PlacementRules {
  /** Data centres that a primary may be in; none: any. */
  readonly allowedDcs: readonly string[];
  /** Whether a failover may leave the data centre of the old primary. */
  readonly crossDc: 'allowed' | 'needs-approval' | 'never';
  /** Whether a server of an older MySQL series than the old primary's may take over. */
  readonly lowerVersion: 'never' | 'allowed';
}

/** What a failover is about, as far as placement goes. */
export interface Circumstances {
  readonly rules?: PlacementRules | undefined;
  /** The data centre of the old primary. */
  readonly home?: string | undefined;
  /** MySQL of the old primary; undefined: not known, and nothing is barred for it. */
  readonly oldVersion?: string | undefined;
  /** The server that an operator named. */
  readonly to?: string | undefined;
  /** An operator let this failover leave the data centre. */
  readonly approved?: boolean | undefined;
}

export interface Placed {
  readonly id: string;
  readonly dc?: string | undefined;
  readonly promote: PromoteRule;
  /** undefined: not asked yet. */
  readonly version?: string | undefined;
}

/** Members without a data centre count as in the same unnamed one. */
export function isAway({ dc }: Placed, { home }: Circumstances): boolean {
  return dc !== home;
}

/**
 * Why a server may not be the primary, whatever it holds; undefined when it may. An operator who names it may leave the data centre: that
 * is approval. What is about the server or its place for good is changed by a rule, not by an order.
 */
export function whyBarred(placed: Placed, circumstances: Circumstances): string | undefined {
  const { rules } = circumstances;
  if (placed.promote === 'no') return 'promote: no';
  if (rules === undefined) return undefined;
  return whyWrongDc(placed, rules, circumstances) ?? whyTooOld(placed, rules, circumstances);
}

function whyWrongDc(
  placed: Placed,
  { allowedDcs, crossDc }: PlacementRules,
  circumstances: Circumstances,
): string | undefined {
  if (allowedDcs.length > 0 && !allowedDcs.includes(placed.dc ?? ''))
    return `${nameOf(placed.dc)} is none of failover.allowedDcs (${allowedDcs.join(', ')})`;
  const { home, to } = circumstances;
  if (crossDc !== 'never' || placed.id === to || !isAway(placed, circumstances)) return undefined;
  return `${nameOf(placed.dc)} is not that of the old primary (${home ?? 'unnamed'}), and failover.crossDc is never`;
}

function whyTooOld(
  { version = '' }: Placed,
  { lowerVersion }: PlacementRules,
  { oldVersion = '' }: Circumstances,
): string | undefined {
  if (lowerVersion !== 'never' || compareSeries(version, oldVersion) >= 0) return undefined;
  return `MySQL ${version} is older than the old primary's ${oldVersion}, and failover.lowerVersion is never`;
}

function nameOf(dc: string | undefined): string {
  return dc === undefined ? 'the unnamed data centre' : `data centre ${dc}`;
}

/** True when electing this one has to wait for an operator. */
export function needsApproval(placed: Placed, circumstances: Circumstances): boolean {
  const { rules, approved, to } = circumstances;
  return (
    rules?.crossDc === 'needs-approval' &&
    approved !== true &&
    placed.id !== to &&
    isAway(placed, circumstances)
  );
}

/** What an operator is asked, when only these can take over. */
export function approvalQuestion(away: readonly Placed[]): string {
  const servers = away.map(({ id, dc }) => `${id} in ${nameOf(dc)}`).join(', ');
  return `only another data centre can take over (${servers}), and failover.crossDc is needs-approval`;
}

/**
 * Negative when `a` is of an older series than `b`, by major and minor number: within a series (8.4.5, 8.4.6) replication works both ways.
 * An unknown version ('') is equal to all.
 */
export function compareSeries(a: string, b: string): number {
  if (a === '' || b === '') return 0;
  const [one, other] = [seriesOf(a), seriesOf(b)];
  return (one[0] ?? 0) - (other[0] ?? 0) || (one[1] ?? 0) - (other[1] ?? 0);
}

function seriesOf(version: string): readonly number[] {
  return version.split('.').slice(0, 2).map(Number);
}
