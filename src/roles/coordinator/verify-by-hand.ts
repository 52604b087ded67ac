import { doubtsAboutHandwork, type FoundMember } from '../../core/decide/by-hand.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { GroupSnapshot, MemberView } from '../../core/model/snapshot.ts';
import type { PlanRunner } from './plan-runner.ts';

/**
 * Looks whether `host` is what an operator says: the one writer of the group, with the others below it. Returns what is not so when
 * that is to be passed over (`force`), else throws `PEER_REFUSED` with every reason; nothing is recorded then.
 */
export async function verifyByHand(
  { host, force }: { readonly host: string; readonly force: boolean },
  { group, members, paused }: GroupSnapshot,
  runner: PlanRunner,
): Promise<readonly string[]> {
  const [named, others] = [
    members.filter(({ member }) => member.id === host),
    members.filter(({ member }) => member.id !== host),
  ];
  // The replicas first: what they have executed is compared with what the primary has, which only grows.
  const replicas = await Promise.all(others.map((view) => find(view, runner)));
  const found = [...(await Promise.all(named.map((view) => find(view, runner)))), ...replicas];
  const doubts = doubtsAboutHandwork(host, found);
  if (doubts.length === 0 || force) return doubts;
  const advice = paused ? '' : `Pause the group while you work on it (dcmha setwhite --group ${group}); `;
  throw new DcmhaError(
    'PEER_REFUSED',
    `nothing is recorded: ${doubts.join('; ')}. ${advice}--force records it all the same`,
    { details: { group, host } },
  );
}

async function find({ member, presence, paused }: MemberView, runner: PlanRunner): Promise<FoundMember> {
  const probe = await runner.mysql.probe(member.endpoint, { timeoutMs: runner.limits.gatherTimeoutMs });
  return { member, presence, probe, paused: paused === true };
}
