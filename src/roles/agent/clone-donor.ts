import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { Member } from '../../core/model/group.ts';
import { agentApi } from '../../core/peer/agent-api.ts';
import { callPeer } from '../../core/peer/api.ts';
import { donorsInOrder, unfitByFacts, unfitByPresence, type Unfit } from '../../core/rejoin/clone-donor.ts';
import type { RejoinPlan } from '../../core/rejoin/plan.ts';
import { readPresence } from '../../core/store/presences.ts';
import type { CloneFacts, Cloning } from '../../ports/clone.ts';
import { isPassing } from './passing.ts';
import { refused } from './refusal.ts';
import type { RejoinEffects } from './rejoin-effects.ts';

const sqlMs = 10_000;

interface Search {
  readonly cloning: Cloning;
  readonly own: CloneFacts;
  readonly primary: string;
  readonly errant: string;
  readonly freeBytes: number | undefined;
}

/**
 * The member to clone from, ready to be. Throws `PEER_REFUSED` when none is fit just now, `MYSQL_REJECTED` with each one's reason when that
 * will not pass by itself.
 */
export async function chooseDonor(plan: RejoinPlan, effects: RejoinEffects): Promise<Member> {
  const { cloning } = cloneDepsOf(effects);
  const options = { timeoutMs: sqlMs, signal: effects.signal };
  const { id: primary } = await effects.leave();
  const search: Search = {
    cloning,
    own: await cloning.facts(effects.server, options),
    primary,
    errant: plan.inputs.errant,
    freeBytes: await freeBytesOf(effects),
  };
  const unfit: string[] = [];
  let mayPass = false;
  for (const member of donorsInOrder(effects.members(), { self: plan.host, primary })) {
    const found = await whyUnfit(member, search, effects);
    if (found === undefined) return member;
    unfit.push(`${member.id}: ${found.why}`);
    mayPass ||= found.passes;
  }
  const why = `no member of the group can be cloned from: ${unfit.join('; ')}`;
  if (mayPass) throw refused({ reason: 'no-donor', why });
  throw new DcmhaError('MYSQL_REJECTED', why);
}

async function whyUnfit(member: Member, search: Search, effects: RejoinEffects): Promise<Unfit | undefined> {
  try {
    const presence = await readPresence(effects.deps.coordination, member.id);
    const isIt = member.id === search.primary;
    return (
      unfitByPresence(presence, { endpoint: effects.primary, isIt }) ??
      (await askServer(member.endpoint, search, effects)) ??
      (await askAgent(member, effects))
    );
  } catch (thrown) {
    effects.signal.throwIfAborted();
    const error = toDcmhaError(thrown);
    return { why: error.message, passes: isPassing(error) || hasCode(error, 'PEER_UNREACHABLE') };
  }
}

async function askServer(
  endpoint: Endpoint,
  { cloning, own, errant, freeBytes }: Search,
  { deps, primary, signal }: RejoinEffects,
): Promise<Unfit | undefined> {
  const options = { timeoutMs: sqlMs, signal };
  const donor = await cloning.facts(endpoint, options);
  const { executed } = await deps.mysql.status(primary, options);
  return unfitByFacts({
    own,
    donor,
    primaryExecuted: parseGtidSet(executed),
    errant: parseGtidSet(errant),
    freeBytes,
  });
}

/** It alone may lift super_read_only there, which loading the plugin takes. */
async function askAgent(member: Member, effects: RejoinEffects): Promise<Unfit | undefined> {
  const { deps, peerTimeoutMs: timeoutMs, signal } = effects;
  const params = { group: member.group };
  await callPeer(deps.caller, agentApi, member.agent, { method: 'offerClone', params, timeoutMs, signal });
  return undefined;
}

/** Undefined where it cannot be told: then it is tried. */
async function freeBytesOf(effects: RejoinEffects): Promise<number | undefined> {
  const directory = effects.dataDirectory();
  if (directory === undefined) return undefined;
  return cloneDepsOf(effects)
    .freeBytes(directory)
    .catch(() => undefined);
}

export function cloneDepsOf({ rejoin }: RejoinEffects) {
  if (rejoin.clone === undefined) throw refused({ reason: 'no-clone', why: 'this agent cannot clone' });
  return rejoin.clone;
}
