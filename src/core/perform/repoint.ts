import { DEFAULT_CHANNEL } from '../decide/replication.ts';
import { formatEndpoint, sameEndpoint } from '../model/endpoint.ts';
import { toDcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { markLostReplica } from '../store/marks.ts';
import { repointAll } from './attach.ts';
import { catchUpChannel } from './catch-up-standing.ts';
import { memberOf, type PerformContext } from './context.ts';
import { changeRoute, pushRouters } from './routing.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** A replica that cannot follow is skipped, leaves the read list and is marked lost; the others do not wait for it. */
export async function repoint(step: Of<'repoint'>, context: PerformContext): Promise<Outcome> {
  const source = memberOf(context, step.source);
  const before = await context.attaching.results();
  if (step.detach === true) await dropChannel(source, DEFAULT_CHANNEL, context);
  const results = await repointAll(step.hosts, source, context, before);
  const failed = results.flatMap(({ host, why }) => (why === undefined ? [] : [{ host, why }]));
  const followed = results.filter(({ why }) => why === undefined).map(({ host }) => host);
  if (failed.length > 0) await dropReaders(context, failed);
  return { kind: 'repointed', hosts: followed, failed };
}

async function dropReaders(
  context: PerformContext,
  failed: readonly { host: string; why: string }[],
): Promise<void> {
  const endpoints = failed.map(({ host }) => memberOf(context, host).endpoint);
  for (const { host, why } of failed) {
    await markLostReplica(context.coordination, host, { why, at: context.clock.now(), group: context.group });
    context.alerts.raise(
      'replica-lost',
      { group: context.group, host },
      `${host} does not follow the new primary: ${why}`,
    );
  }
  await changeRoute(context, ({ write, read }) => ({
    write,
    read: read.filter((server) => !endpoints.some((other) => sameEndpoint(server, other))),
  }));
  void pushRouters(context);
  context.log.warn('replicas left the read list', { hosts: endpoints.map(formatEndpoint).join(',') });
}

/** Nobody waits for a server that does not do it. */
async function dropChannel(
  { endpoint, id }: Member,
  channel: string,
  { mysql, limits, log, signal }: PerformContext,
): Promise<void> {
  try {
    await mysql.resetReplication(endpoint, channel, { timeoutMs: limits.gatherTimeoutMs, signal });
  } catch (error) {
    log.warn('a channel may be left', { host: id, channel, error: toDcmhaError(error).message });
  }
}

/** Undo of the freeze: replicas receive again from the primary that stays. */
export async function resumeReplication(
  step: Of<'resume-replication'>,
  context: PerformContext,
): Promise<Outcome> {
  const source = memberOf(context, step.source);
  // A coordinator that died in the middle of a catch-up left its channel.
  await Promise.all(step.hosts.map((host) => dropChannel(memberOf(context, host), catchUpChannel, context)));
  const results = await repointAll(step.hosts, source, context);
  const failed = results.filter(({ why }) => why !== undefined);
  return {
    kind: 'done',
    detail: `${results.length - failed.length} of ${results.length} replicas receive again`,
  };
}
