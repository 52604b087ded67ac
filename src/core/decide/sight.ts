import type { MemberView } from '../model/snapshot.ts';

/**
 * Whether an observer cannot judge a group, for it does not see most of it: of the servers that it asked and whose own agents vouch for
 * them, more do not answer it than do. Those agents reach ZooKeeper and their servers; it is the observer that is cut off.
 */
export function isBlind(members: readonly Pick<MemberView, 'presence' | 'probe'>[]): boolean {
  const vouched = members.filter(
    ({ presence, probe }) =>
      probe !== undefined && (presence?.verdict === 'up' || presence?.verdict === 'saturated'),
  );
  const unseen = vouched.filter(({ probe }) => probe?.kind === 'down').length;
  return unseen > vouched.length - unseen;
}
