import type { PrimaryRecord } from '../../core/model/group.ts';
import { refused } from './refusal.ts';
import type { GroupView } from './view.ts';

/**
 * The recorded primary as of now. Throws PEER_REFUSED when this agent is not the one to change its server's data, and when another term than
 * `epoch` has begun: what was compared with the primary of that one says nothing of the next, and an answer may come late.
 */
export async function requireLeave(
  view: GroupView,
  signal: AbortSignal,
  epoch?: number,
): Promise<PrimaryRecord> {
  signal.throwIfAborted();
  const facts = await view.refresh();
  if (facts?.record === undefined || facts.record.id === view.self)
    throw refused({ reason: 'no-primary', why: 'no other primary is recorded' });
  if (facts.planRunning) throw refused({ reason: 'plan-running', why: 'a plan is running' });
  if (facts.paused) throw refused({ reason: 'paused', why: 'the group is paused' });
  if (epoch !== undefined && facts.record.epoch !== epoch)
    throw refused({
      reason: 'superseded',
      why: 'the primary is another one than the server was compared with',
    });
  return facts.record;
}
