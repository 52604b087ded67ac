import type { ChannelStatus } from '../../ports/mysql.ts';
import { sameEndpoint } from '../model/endpoint.ts';
import type { Member, PresenceRecord } from '../model/group.ts';

/** What a replica with an intermediate (`from`) knows when it chooses its source. */
export interface SourceSituation {
  readonly primary: Member;
  /** The intermediate; undefined: none is wanted, or it is no member. */
  readonly from: Member | undefined;
  /** What the intermediate's agent says; undefined when it is gone. */
  readonly presence: PresenceRecord | undefined;
  /** The replica's own default channel. */
  readonly channel: ChannelStatus | undefined;
  /** For how long the intermediate has been fit, ms. */
  readonly fitForMs: number;
}

/** An intermediate that has just come back may be gone again soon, ms. */
export const returnAfterMs = 5000;

/**
 * Whom to replicate from: the intermediate as long as it is of use, and the primary otherwise. One that merely lags is not left, and one
 * whose agent alone is gone neither: its replica still hears it.
 */
export function chooseSource({ primary, from, presence, channel, fitForMs }: SourceSituation): Member {
  if (from === undefined || from.id === primary.id) return primary;
  if (!sameEndpoint(channel?.source, from.endpoint))
    return isFitSource(presence) && fitForMs >= returnAfterMs ? from : primary;
  return isUseless(presence, channel) ? primary : from;
}

/** Whether somebody may be attached to it: it answers, and follows the primary without a fault. */
export function isFitSource(presence: PresenceRecord | undefined): boolean {
  const state = presence?.replication?.state;
  return isAlive(presence) && (state === 'replicating' || state === 'connecting');
}

function isUseless(presence: PresenceRecord | undefined, channel: ChannelStatus | undefined): boolean {
  const state = presence?.replication?.state;
  // What it holds and the primary does not must not spread; and of what it cannot apply, nothing comes.
  if (state === 'errant' || state === 'broken' || state === 'none') return true;
  return !isAlive(presence) && channel?.receiver !== 'on';
}

function isAlive(presence: PresenceRecord | undefined): boolean {
  return presence?.verdict === 'up' || presence?.verdict === 'saturated';
}
