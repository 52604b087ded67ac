import { formatEndpoint } from '../model/endpoint.ts';
import type { Member } from '../model/group.ts';
import { lagPolicy, type LagPolicy, type OwnLagPolicy } from './late-readers.ts';

/** How one router spreads reads over the read list. */
export interface PlacementPolicy {
  /** The router's data centre; '' when it was not told. */
  readonly dc: string;
  /** `local-first`: readers of other data centres serve only when none of the router's own does. */
  readonly order: 'local-first' | 'all';
  /** `by-lag`: the later a replica, the fewer reads it gets. */
  readonly weights: 'fixed' | 'by-lag';
  readonly lag: LagPolicy;
}

/** What a group wants of every router that serves it; what is not there is as the router was told. */
export interface OwnPlacementPolicy {
  readonly router?:
    | {
        readonly reads?: PlacementPolicy['order'] | undefined;
        readonly weights?: PlacementPolicy['weights'] | undefined;
      }
    | undefined;
  readonly lag?: OwnLagPolicy | undefined;
}

export function placementPolicy(
  usual: PlacementPolicy,
  { router, lag }: OwnPlacementPolicy,
): PlacementPolicy {
  return {
    dc: usual.dc,
    order: router?.reads ?? usual.order,
    weights: router?.weights ?? usual.weights,
    lag: lagPolicy(usual.lag, lag),
  };
}

/** How a read server is used; what is undefined stays as the operator's file has it. */
export interface ReaderTraits {
  readonly backup: boolean | undefined;
  /** 0 to 256. */
  readonly weight: number | undefined;
}

/** By address, as in the read list. */
export type Placement = ReadonlyMap<string, ReaderTraits>;

export interface PlacedMember {
  readonly member: Member;
  readonly lagMs: number;
}

/** The weight of a server that has none, once another of its group has one: HAProxy's own default, 1, would leave it next to nothing. */
const usualWeight = 100;
/** Of its weight, what a replica keeps that is just about to leave the read list. */
const leastShare = 0.1;

/** What becomes of each member as a read server at this router. */
export function placeReaders(members: readonly PlacedMember[], policy: PlacementPolicy): Placement {
  const isWeighted = policy.weights === 'by-lag' || members.some(({ member }) => member.weight !== undefined);
  return new Map(
    members.map(({ member, lagMs }) => [
      formatEndpoint(member.endpoint),
      {
        backup: isBackup(member, policy),
        weight: isWeighted ? weigh(member.weight ?? usualWeight, lagMs, policy) : undefined,
      },
    ]),
  );
}

/** A router that was not told where it is leaves the file's own `backup` alone. */
function isBackup({ dc }: Member, policy: PlacementPolicy): boolean | undefined {
  if (policy.dc === '') return undefined;
  return policy.order === 'local-first' && dc !== policy.dc;
}

function weigh(weight: number, lagMs: number, { weights, lag }: PlacementPolicy): number {
  if (weights === 'fixed' || lagMs < lag.returnMs || weight === 0) return weight;
  const share = 1 - (lagMs - lag.returnMs) / Math.max(1, lag.evictMs - lag.returnMs);
  return Math.max(1, Math.round(weight * Math.max(leastShare, share)));
}
