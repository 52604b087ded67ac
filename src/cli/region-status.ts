import type { Coordination } from '../ports/coordination.ts';
import { formatEndpoint } from '../core/model/endpoint.ts';
import type { PresenceRecord } from '../core/model/group.ts';
import { regionalChannel, regionOfChannel } from '../core/regional/channel.ts';
import { readLinks } from '../core/store/additions.ts';

/** A channel of a group's primary from another region, as `status` shows it. */
export interface RegionStatusRow {
  readonly region: string;
  readonly channel: string;
  /** As `host:port`; '' while none is chosen. */
  readonly source: string;
  /** What the primary's agent says; `none`: there is no such channel; `unknown`: the agent says nothing. */
  readonly state: string;
  readonly lagSeconds?: number | undefined;
  readonly error?: string | undefined;
}

/** What is wanted, and how it is: all from ZooKeeper. */
export async function readRegionStatus(
  store: Coordination,
  group: string,
  presence: PresenceRecord | undefined,
): Promise<readonly RegionStatusRow[]> {
  const links = await readLinks(store, group);
  const channels = presence?.channels ?? [];
  const wanted = links.map(({ region, source }): RegionStatusRow => {
    const channel = regionalChannel(region);
    const health = channels.find(({ name }) => name === channel);
    const recorded = source === undefined ? '' : formatEndpoint(source.endpoint);
    if (health === undefined)
      return { region, channel, source: recorded, state: presence === undefined ? 'unknown' : 'none' };
    const { state, lagSeconds, error } = health;
    return { region, channel, source: health.source, state, lagSeconds, error };
  });
  const strays = channels.flatMap(({ name, source, state, error }) => {
    const region = regionOfChannel(name);
    if (region === undefined || links.some((link) => link.region === region)) return [];
    return [{ region, channel: name, source, state: `${state}, not wanted any more`, error }];
  });
  return [...wanted, ...strays];
}

export function renderRegion({ region, source, state, lagSeconds = 0, error }: RegionStatusRow): string {
  const from = source === '' ? 'no source yet' : `from ${source}`;
  const behind = lagSeconds === 0 ? '' : `, ${lagSeconds} s behind`;
  return `region ${region}: ${from}, ${state}${behind}${error === undefined ? '' : ` (${error})`}`;
}
