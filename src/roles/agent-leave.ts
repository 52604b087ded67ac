import type { PrimaryRecord } from '../core/model/group.ts';
import { refused } from './agent-refusal.ts';
import type { GroupView } from './agent-view.ts';

/** The recorded primary as of now. Throws PEER_REFUSED when this agent is not the one to change its server's data. */
export async function requireLeave(view: GroupView, signal: AbortSignal): Promise<PrimaryRecord> {
  signal.throwIfAborted();
  const facts = await view.refresh();
  if (facts?.record === undefined || facts.record.id === view.self)
    throw refused({ reason: 'no-primary', why: 'no other primary is recorded' });
  if (facts.planRunning) throw refused({ reason: 'plan-running', why: 'a plan is running' });
  if (facts.paused) throw refused({ reason: 'paused', why: 'the group is paused' });
  return facts.record;
}
