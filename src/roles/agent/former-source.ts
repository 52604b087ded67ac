import { sourceMember } from '../../core/decide/replication.ts';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { GroupView } from './view.ts';

const sqlMs = 10_000;

interface Parts {
  readonly view: GroupView;
  readonly local: LocalServer;
}

/**
 * A plan that could not reach this server once clients had gone on left the channel to the primary before: what is written there by mistake would come
 * here. A source that is no member of the group is an operator's own.
 */
export async function forgetFormerSource(
  { mysql, log }: Pick<AgentDeps, 'mysql' | 'log'>,
  parts: Parts,
  signal: AbortSignal,
): Promise<void> {
  if (formerSource(parts) === undefined) return;
  // What the record, the plans and the channels are is asked once more: mostly, the plan that has just ended has seen to it.
  await parts.view.refresh();
  await parts.local.refresh(signal);
  const source = formerSource(parts);
  if (source === undefined) return;
  log.warn('this primary forgets its channel to another member', { source: formatEndpoint(source) });
  await mysql.resetReplication(parts.local.endpoint, '', { timeoutMs: sqlMs, signal });
  parts.local.checkNow();
}

/** Whom this server replicates from though it is the primary; undefined while it is not ours to end that. */
function formerSource({ view, local }: Parts): Endpoint | undefined {
  const { facts, members = [], self } = view;
  const { status, verdict } = local;
  const isOurs = facts?.record?.id === self && !facts.planRunning && !facts.paused;
  if (!isOurs || verdict.verdict !== 'up' || status === undefined) return undefined;
  const source = sourceMember(status, members);
  return source?.id === self ? undefined : source?.endpoint;
}
