import { whyIncredible } from '../decide/router-word.ts';
import { callPeer } from '../peer/api.ts';
import { agentApi } from '../peer/agent-api.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../model/errors.ts';
import { longestDrainMs } from '../../ports/switchover.ts';
import type { Member } from '../model/group.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { hostId } from '../model/endpoint.ts';
import { readPresence } from '../store/presences.ts';
import { recordPrimary } from '../store/primary.ts';
import { readRoute, readRouteAcks } from '../store/routes.ts';
import { znodes } from '../store/znodes.ts';
import { repointAll } from './attach.ts';
import { publishAhead } from './routing.ts';
import { memberOf, type LookContext, type PerformContext } from './context.ts';
import { fenceByCommand } from './fence-command.ts';
import { watermarkLease } from './watermark-lease.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

const pollMs = 100;
const quickPollMs = 10;
const nobodyLeft = 'no lease is left and MySQL answers nobody';

/**
 * Evidence (a) or (b) from the old primary's agent; without the agent, read-only by SQL; without an answer from either, `unreachable`,
 * and the operator's command is run, if there is one; then the leases decide. An agent that answers but cannot fence makes the step fail and
 * be tried again.
 */
export async function fence(step: Of<'fence'>, context: PerformContext): Promise<Outcome> {
  const member = memberOf(context, step.host);
  const outcome = await fenceByAsking(step, member, context);
  const { fenceCommand: command, group } = context;
  if (outcome.kind === 'fenced' || command === undefined) return outcome;
  const powered = await fenceByCommand(command, { group, member, epoch: step.epoch });
  if (powered.kind === 'fenced') return powered;
  context.log.error('the fencing command did not succeed', { host: member.id, why: powered.why });
  return { kind: 'unreachable', why: `${outcome.why}; ${powered.why}` };
}

async function fenceByAsking(step: Of<'fence'>, member: Member, context: PerformContext): Promise<Fenced> {
  const { gatherTimeoutMs, peerTimeoutMs } = context.limits;
  // Asked while its presence is read: clients wait. The agent's own deadline includes killing a mysqld that does not obey.
  const patience = new AbortController();
  const asked = { ...context, signal: AbortSignal.any([context.signal, patience.signal]) };
  const asking = fenceByAgent(step, asked, peerTimeoutMs * 2 + longestDrainMs(step.drainMs ?? 0));
  // Whatever it says, it is heard below, unless nobody is waited for any more.
  asking.catch(() => undefined);
  if ((await readPresence(context.coordination, member.id)) === undefined) {
    patience.abort();
    return fenceSilent(step, member, context);
  }
  const byAgent = await asking;
  if (byAgent.kind === 'fenced') return byAgent;
  return fenceBySql(member, context, { why: byAgent.why, timeoutMs: gatherTimeoutMs });
}

/**
 * The whole host is silent, its agent's session over. Agent and server are asked together, and not waited for long: routers need no more than
 * that to close. Nobody's answer, with no lease left after it, is evidence (c) at once.
 */
async function fenceSilent(step: Of<'fence'>, member: Member, context: PerformContext): Promise<Fenced> {
  const { silentMs } = context.limits;
  const since = context.clock.monotonic();
  const [byAgent, bySql, late] = await Promise.all([
    fenceByAgent(step, context, silentMs),
    fenceBySql(member, context, { why: `the agent of ${member.id} is gone`, timeoutMs: silentMs }),
    untilNoLease(member, context, since),
  ]);
  if (byAgent.kind === 'fenced') return byAgent;
  // A session can end before its time. Then the agent lives: it is back with a new one by now, and may be busy with a server that hangs.
  if (bySql.kind === 'fenced' || late.length > 0 || (await leasesLeft(member, context, since)).length > 0)
    return bySql;
  return { kind: 'fenced', evidence: 'leases', detail: nobodyLeft };
}

/** What is left of the leases; waits for their end twice as long as a silent server is waited for, for busy routers' sake. */
async function untilNoLease(
  member: Member,
  context: PerformContext,
  since: number,
): Promise<readonly string[]> {
  const deadline = since + 2 * context.limits.silentMs;
  let late = await leasesLeft(member, context, since);
  while (late.length > 0 && context.clock.monotonic() < deadline) {
    await context.clock.pause(quickPollMs, context.signal);
    late = await leasesLeft(member, context, since);
  }
  return late;
}

type Fenced = Extract<Outcome, { kind: 'fenced' | 'unreachable' }>;

async function fenceByAgent(step: Of<'fence'>, context: PerformContext, timeoutMs: number): Promise<Fenced> {
  const member = memberOf(context, step.host);
  try {
    const evidence = await callPeer(context.peers, agentApi, member.agent, {
      method: 'fence',
      params: {
        group: context.group,
        epoch: step.epoch,
        ...(step.drainMs === undefined ? {} : { drainMs: step.drainMs }),
      },
      timeoutMs,
      signal: context.signal,
    });
    if (evidence.kind === 'process-gone')
      return { kind: 'fenced', evidence: 'process-gone', detail: evidence.detail };
    const detail = `its agent set super_read_only and ended ${evidence.killed} sessions`;
    const { executed } = evidence;
    const told = executed === undefined ? await executedOf(member, context) : { executed };
    return { kind: 'fenced', evidence: 'read-only', detail, ...told };
  } catch (error) {
    if (!hasCode(error, 'PEER_UNREACHABLE', 'PEER_PROTOCOL')) throw error;
    return { kind: 'unreachable', why: error.message };
  }
}

async function fenceBySql(
  member: Member,
  context: PerformContext,
  { why, timeoutMs }: { readonly why: string; readonly timeoutMs: number },
): Promise<Fenced> {
  try {
    const asked = { timeoutMs, signal: context.signal };
    const { killed, executed } = await context.mysql.fence(member.endpoint, asked);
    const detail = `${why}; by SQL: super_read_only set and ${killed} sessions ended`;
    return { kind: 'fenced', evidence: 'read-only-by-sql', detail, executed };
  } catch (error) {
    if (!hasCode(error, 'MYSQL_UNREACHABLE', 'TIMED_OUT')) throw error;
    return { kind: 'unreachable', why: `${why}; ${error.message}` };
  }
}

/** What the fenced server has executed, when it still answers: the candidates wait for it. */
async function executedOf(member: Member, context: PerformContext): Promise<{ executed?: string }> {
  const probe = await context.mysql.probe(member.endpoint, { timeoutMs: context.limits.gatherTimeoutMs });
  return probe.kind === 'up' ? { executed: probe.status.executed } : {};
}

/**
 * Evidence (c): the agent's presence is gone, so its lease is over by construction; every router has closed the write side and cut
 * the last session, or its lease is over likewise; and MySQL answers nobody. A server that answers meanwhile is fenced by SQL.
 */
export async function awaitLeases(
  step: Of<'await-leases'>,
  context: PerformContext,
  deadline: number,
): Promise<Outcome> {
  const member = memberOf(context, step.host);
  const since = context.clock.monotonic();
  for (;;) {
    // MySQL is asked in every round, the last one, too: an answer means that somebody may still be writing.
    const asked = { why: 'it answers again', timeoutMs: context.limits.silentMs };
    const bySql = await fenceBySql(member, context, asked);
    if (bySql.kind === 'fenced') return { kind: 'done', detail: bySql.detail };
    const late = await leasesLeft(member, context, since);
    if (late.length === 0) return { kind: 'done', detail: nobodyLeft };
    if (context.clock.monotonic() + pollMs >= deadline) {
      throw new DcmhaError('TIMED_OUT', `not certain that ${step.host} is closed: ${late.join('; ')}`);
    }
    await context.clock.pause(pollMs, context.signal);
    context.signal.throwIfAborted();
  }
}

/** `since`: when the step began. */
async function leasesLeft(
  member: Member,
  context: PerformContext,
  since: number,
): Promise<readonly string[]> {
  return [
    ...(await agentLease(member, context)),
    ...(await watermarkLease(context, since)),
    ...(await routerLeases(context)),
  ];
}

async function agentLease(member: Member, { coordination }: PerformContext): Promise<string[]> {
  // An agent that is back makes its presence first and reads the journal then: one of us sees the other, if this read is no old one.
  await coordination.sync(znodes.presence(member.id));
  const presence = await readPresence(coordination, member.id);
  return presence === undefined ? [] : [`the agent of ${member.id} still holds its session`];
}

async function routerLeases(context: PerformContext): Promise<string[]> {
  const acks = await readRouteAcks(context.coordination, context.group);
  const route = await readRoute(context.coordination, context.group);
  return acks.flatMap((ack) => {
    const { router, version, write, oldSessions } = ack;
    const incredible = whyIncredible(ack, route);
    if (incredible !== undefined) return [incredible];
    const isClosed = version >= (route?.version ?? 0) && write === '' && oldSessions === 0;
    return isClosed ? [] : [`router ${router} has not closed the write side (${oldSessions} old sessions)`];
  });
}

/** Writes `master/G` under the version expected; equal already is done. Any other change by somebody else is a conflict. */
export async function recordNewPrimary(
  step: Of<'record-primary'>,
  context: PerformContext,
): Promise<Outcome> {
  const expected = step.expectedEpoch < 0 ? undefined : step.expectedEpoch;
  const { epoch } = await recordPrimary(context.coordination, context.group, step.host, expected);
  return { kind: 'recorded', epoch };
}

/** Only the agent of the recorded primary opens writes: it checks the record and the epoch itself, right before. */
export async function openWrites(
  { host, epoch, read, follow }: Of<'open-writes'>,
  context: PerformContext,
): Promise<Outcome> {
  const member = memberOf(context, host);
  if (follow !== undefined) context.attaching.begin(() => repointAll(follow, member, context));
  const [route] = await Promise.all([
    read === undefined ? undefined : publishAhead({ write: host, read }, context),
    callPeer(context.peers, agentApi, member.agent, {
      method: 'openWrites',
      params: { group: context.group, epoch },
      timeoutMs: context.limits.peerTimeoutMs,
      signal: context.signal,
    }),
  ]);
  return { kind: 'done', detail: `epoch ${epoch}`, ...(route === undefined ? {} : { route }) };
}

export const itIsErrant = 'it has errant transactions';

/**
 * Why a server is no candidate as far as its agent goes, or undefined. One that does not answer cannot open writes; one that has
 * errant transactions may be taking them back right now, and its GTID set then claims rows that are gone.
 */
export async function whyUnfit(member: Member, context: LookContext): Promise<string | undefined> {
  try {
    const timeoutMs = context.limits.gatherTimeoutMs;
    const status = await callPeer(context.peers, agentApi, member.agent, {
      method: 'status',
      params: {},
      timeoutMs,
    });
    if (hostId(status.host) !== member.id) return `the agent at its address is of ${status.host}`;
    if (status.unfit !== undefined) return status.unfit;
    const presence = await readPresence(context.coordination, member.id);
    return presence?.replication?.state === 'errant' ? itIsErrant : undefined;
  } catch (error) {
    return `its agent: ${toDcmhaError(error).message}`;
  }
}
