import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import type { Member, ReplicationHealth } from '../model/group.ts';
import { whyWithoutGtids } from './gtid-mode.ts';
import type { ChannelStatus, ServerStatus } from '../../ports/mysql.ts';

/** The name of the channel from a server's primary; regional ones have names. */
export const DEFAULT_CHANNEL = '';

/** What a replica's agent does about the default channel. */
export type ReplicationDecision =
  | 'leave'
  /** The channel points where it should; mysqld does not start it by itself. */
  | 'start'
  /** No channel, or one to somebody who is not the primary any more. */
  | 'follow';

/**
 * `fresh`: since mysqld started, or the record changed, the channel has not been seen running. Later, a channel that is off was stopped
 * by somebody who wanted that.
 */
export function decideReplication(
  status: ServerStatus,
  primary: Endpoint,
  { fresh }: { readonly fresh: boolean },
): ReplicationDecision {
  if (whyWithoutGtids(status) !== undefined) return 'leave';
  const channel = defaultChannel(status);
  if (!sameEndpoint(channel?.source, primary)) return 'follow';
  if (!fresh || isRunning(channel)) return 'leave';
  return 'start';
}

export function isRunning(channel: ChannelStatus | undefined): boolean {
  return channel?.applier === 'on' && channel.receiver !== 'off';
}

export function defaultChannel({ channels }: ServerStatus): ChannelStatus | undefined {
  return channels.find(({ name }) => name === DEFAULT_CHANNEL);
}

/** The member that a server's default channel leads to; undefined for none, and for a source that is an operator's own. */
export function sourceMember(status: ServerStatus, members: readonly Member[]): Member | undefined {
  const source = defaultChannel(status)?.source;
  return members.find(({ endpoint }) => sameEndpoint(endpoint, source));
}

/** How a replica does, in classes that change seldom: each change is a write to ZooKeeper. `lagMs` is in steps already. */
export function replicationHealth(status: ServerStatus, lagMs = 0): ReplicationHealth {
  const channel = defaultChannel(status);
  const unfit = whyWithoutGtids(status);
  if (unfit !== undefined)
    return {
      state: 'broken',
      source: channel === undefined ? '' : formatEndpoint(channel.source),
      error: unfit,
    };
  if (channel === undefined) return { state: 'none', source: '' };
  const error = channel.receiverError ?? channel.applierError;
  const state = stateOf(channel, error);
  return {
    state,
    source: formatEndpoint(channel.source),
    ...(lagMs === 0 ? {} : { lagMs }),
    ...(error === undefined || state === 'replicating' ? {} : { error: shorten(error) }),
  };
}

function stateOf(channel: ChannelStatus, error: string | undefined): ReplicationHealth['state'] {
  if (channel.applier === 'on' && channel.receiver === 'on') return 'replicating';
  if (channel.applier === 'on' && channel.receiver === 'connecting') return 'connecting';
  return error === undefined ? 'stopped' : 'broken';
}

/** Server errors quote whole statements. */
export function shorten(error: string): string {
  return error.length > 200 ? `${error.slice(0, 200)}...` : error;
}
