import type { MemberView } from '../model/snapshot.ts';
import type { LagLimits } from './lag.ts';

/** When a late replica leaves the read list and comes back. */
export interface LagPolicy extends LagLimits {
  /** It comes back once it was less late than `returnMs` for this long. */
  readonly holdMs: number;
  /** At most this share of a group's readers, and of those of one data centre, is off for its lag, in %. */
  readonly maxEvicted: number;
  /** When all readers are late: the least late one stays, or none does and reads go to the primary. */
  readonly lastReader: 'stays' | 'primary';
}

/** A group's own settings; what is not there is as usual. */
export type OwnLagPolicy = { readonly [K in keyof LagPolicy]?: LagPolicy[K] | undefined };

export function lagPolicy(usual: LagPolicy, own: OwnLagPolicy = {}): LagPolicy {
  return {
    evictMs: own.evictMs ?? usual.evictMs,
    returnMs: own.returnMs ?? usual.returnMs,
    holdMs: own.holdMs ?? usual.holdMs,
    maxEvicted: own.maxEvicted ?? usual.maxEvicted,
    lastReader: own.lastReader ?? usual.lastReader,
  };
}

/** A replica that is read from, or would be if it were not late. */
export interface Reader {
  readonly view: MemberView;
  /** It is off the read list for its lag now. */
  readonly isOff: boolean;
}

export interface Late {
  readonly view: MemberView;
  readonly why: string;
}

export function lagOf({ presence, probe }: MemberView): number {
  if (presence !== undefined) return presence.replication?.lagMs ?? 0;
  // Without its agent: the server's own estimate.
  const channels = probe?.kind === 'up' ? probe.status.channels : [];
  return (channels.find(({ name }) => name === '')?.lagSeconds ?? 0) * 1000;
}

/**
 * Which of the readers leave for their lag: the latest first, as long as enough others stay. `readers` are all that are read from, and
 * those that are off for their lag already.
 */
export function lateReaders(readers: readonly Reader[], policy: LagPolicy): readonly Late[] {
  const on = readers.filter(({ isOff }) => !isOff);
  const late = on
    .filter(({ view }) => lagOf(view) >= policy.evictMs)
    .sort((a, b) => lagOf(b.view) - lagOf(a.view) || (a.view.member.id < b.view.member.id ? -1 : 1));
  if (late.length === on.length && policy.lastReader === 'primary') return late.map(({ view }) => tell(view));
  const leaving: Reader[] = [];
  for (const reader of late) {
    const offWithIt = [...readers.filter(({ isOff }) => isOff), ...leaving, reader];
    const isLast = on.length - leaving.length <= 1;
    if (!isLast && isWithin(offWithIt, readers, reader, policy.maxEvicted)) leaving.push(reader);
  }
  return leaving.map(({ view }) => tell(view));
}

function isWithin(off: readonly Reader[], all: readonly Reader[], one: Reader, share: number): boolean {
  const here = ({ view }: Reader): boolean => view.member.dc === one.view.member.dc;
  const most = (count: number): number => Math.floor((count * share) / 100);
  if (off.length > most(all.length)) return false;
  const local = all.filter(here).length;
  // A data centre with one reader has no other to keep.
  return local < 2 || off.filter(here).length <= most(local);
}

function tell(view: MemberView): Late {
  return { view, why: `its data is more than ${lagOf(view) / 1000} s old` };
}
