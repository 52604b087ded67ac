import { formatEndpoint } from '../model/endpoint.ts';
import type { ChannelHealth } from '../model/group.ts';
import { shorten } from '../decide/replication.ts';
import type { ChannelStatus } from '../../ports/mysql.ts';

/** What an agent remembers of a channel between looks. */
export interface ChannelMemory {
  /** It was seen running since mysqld started and writes were opened: off after that, it was stopped by somebody. */
  readonly hasRun: boolean;
  readonly health: ChannelHealth;
}

/** How a named channel does, in classes that change seldom: each change is a write to ZooKeeper. */
export function channelHealth(
  channel: ChannelStatus,
  before: ChannelMemory | undefined,
  { writable }: { readonly writable: boolean },
): ChannelMemory {
  // What a fence has stopped, nobody stopped by hand.
  const hadRun = writable && before?.hasRun === true;
  const state = stateOf(channel, hadRun);
  const isRunning = state === 'replicating' || state === 'connecting';
  const lagSeconds = lagStep(channel.lagSeconds ?? 0, before?.health.lagSeconds ?? 0);
  return {
    hasRun: hadRun || (writable && isRunning),
    health: {
      name: channel.name,
      source: formatEndpoint(channel.source),
      state,
      ...(lagSeconds === 0 ? {} : { lagSeconds }),
      ...errorOf(channel, state),
    },
  };
}

function errorOf(
  { applierError, receiverError }: ChannelStatus,
  state: ChannelHealth['state'],
): Pick<ChannelHealth, 'error'> {
  const error = applierError ?? receiverError;
  return state === 'replicating' || error === undefined ? {} : { error: steady(error) };
}

/** Steps of lag that are told, in seconds; below the first it is none. */
const lagSteps = [5, 30, 300, 3600];

/** It counts as less only when it is under half of what was told, or it would be told over and over. */
function lagStep(lagSeconds: number, before: number): number {
  const now = lagSteps.findLast((step) => lagSeconds >= step) ?? 0;
  return now < before && lagSeconds >= before / 2 ? before : now;
}

function stateOf(
  { receiver, applier, receiverError, applierError }: ChannelStatus,
  hasRun: boolean,
): ChannelHealth['state'] {
  if (applier === 'off' && applierError !== undefined) return 'broken';
  if (receiver === 'off' && receiverError !== undefined) return 'refused';
  if (applier === 'off' || receiver === 'off') return hasRun ? 'stopped' : 'idle';
  return receiver === 'on' ? 'replicating' : 'connecting';
}

/** A receiver that tries again counts its attempts in its error. */
function steady(error: string): string {
  return shorten(
    error.replace(/ This was attempt \d+\/\d+, with a delay of \d+ seconds? between attempts\./, ''),
  );
}
