import { defaultChannel } from '../decide/replication.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import type { Member } from '../model/group.ts';
import type { ChannelStatus, ServerStatus } from '../../ports/mysql.ts';
import type { PerformContext } from './context.ts';

const sliceMs = 500;
/** Four heartbeats, and the time to connect again. */
const silentMs = 2000;

export type ReceiveContext = Pick<PerformContext, 'group' | 'mysql' | 'clock' | 'log' | 'signal'> & {
  readonly limits: Pick<PerformContext['limits'], 'gatherTimeoutMs' | 'freezeTimeoutMs'>;
};

/**
 * A replica of a primary that lives and is read-only receives and applies `until`, as long as anything comes: once its source is silent, what it
 * lacks is left to the binlog of the old primary. Returns at the deadline all the same; what it has is looked at afterwards.
 */
export async function receiveUntil(
  { endpoint, id }: Member,
  until: string,
  context: ReceiveContext,
): Promise<void> {
  const { mysql, clock, limits, signal } = context;
  const began = clock.monotonic();
  const leftMs = (): number => began + limits.freezeTimeoutMs - clock.monotonic();
  while (leftMs() > 0) {
    signal.throwIfAborted();
    if (await mysql.waitExecuted(endpoint, until, { timeoutMs: Math.min(sliceMs, leftMs()), signal })) return;
    const status = await mysql.status(endpoint, { timeoutMs: limits.gatherTimeoutMs, signal });
    const channel = defaultChannel(status);
    if (lacks(status, channel, until) && isSilent(channel, clock.monotonic() - began)) {
      context.log.info('its source is silent: not waited for', { group: context.group, host: id });
      return;
    }
  }
}

function lacks({ executed }: ServerStatus, channel: ChannelStatus | undefined, until: string): boolean {
  const held = parseGtidSet(executed).union(parseGtidSet(channel?.retrieved ?? ''));
  return !held.contains(parseGtidSet(until));
}

/** A receiver that does not tell when it last heard is believed while it is attached. */
function isSilent(channel: ChannelStatus | undefined, waitedMs: number): boolean {
  if (channel === undefined || channel.receiver === 'off') return true;
  const heardMs = channel.lastHeardMs ?? (channel.receiver === 'on' ? 0 : Infinity);
  return Math.min(heardMs, waitedMs) > silentMs;
}
