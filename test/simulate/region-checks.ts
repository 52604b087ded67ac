import { formatGtid } from '../../src/core/gtid/gtid.ts';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import { regionalChannel } from '../../src/core/regional/channel.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { asReceived } from './region-filter.ts';
import { REGION, REGION_TABLE, type SimRegion } from './sim-region.ts';
import type { SimMember } from './sim-member.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { World } from './world.ts';

const CHANNEL = regionalChannel(REGION);
const LOOK_MS = 500;
/** Longer than any faults that lie over one another. */
const BOTH_MS = 60_000;

/** Why the group does not receive from its region as it should when nothing is wrong any more; undefined when it does. */
export function whyRegionUnwell(world: World): string | undefined {
  const { region } = world;
  const primary = world.primary();
  if (region === undefined || primary === undefined) return undefined;
  const stray = world.members.find((member) => member !== primary && member.server.channels.has(CHANNEL));
  if (stray !== undefined) return `${stray.id} has a channel from the region`;
  const channel = primary.server.channels.get(CHANNEL);
  if (channel === undefined) return `${primary.id} has no channel from the region`;
  const { applierError } = channel.status(world.ground.clock.now);
  const source = formatEndpoint(channel.source);
  if (!channel.isAttached || !channel.applierOn)
    return `the channel from ${source} does not run: ${applierError ?? 'no error'}`;
  const text = textAt(world, znodes.addition('g1', REGION));
  if (!text.includes(`"${channel.source.host}"`))
    return `it receives from ${source}, and recorded is ${text}`;
  const alert = textAt(world, znodes.alert('g1_region'));
  return alert === '' ? undefined : `the region works, and is said to be lost: ${alert}`;
}

/** What is not of the region as it should be at each member; for when nobody writes any more. */
export function whyRegionDiffers(world: World): string | undefined {
  const { region } = world;
  if (region === undefined) return undefined;
  for (const { id, server } of world.members) {
    const why = whyOthersAt(server, region);
    if (why !== undefined) return `${id}: ${why}`;
  }
  return undefined;
}

function whyOthersAt({ executed, history, tables }: SimServer, region: SimRegion): string | undefined {
  const surviving = new Set([...region.primary.history].map(asReceived));
  for (const transaction of surviving) {
    const name = formatGtid(transaction.gtid);
    if (!executed.has(transaction.gtid)) return `${name} of the region is not there`;
    if (!history.has(transaction)) return `another transaction stands for ${name} of the region`;
  }
  // In the order in which they came.
  const more = [...history].filter(
    (transaction) => region.lost.has(transaction) && !surviving.has(transaction),
  );
  const wanted = region.primary.tables.copy();
  const refused = more.flatMap(({ changes }) => changes).find((change) => !wanted.apply(change));
  if (refused !== undefined) return `what the region has lost came twice: ${JSON.stringify(refused)}`;
  return tables.isSame(REGION_TABLE, wanted) ? undefined : 'rows of the region are not what they are there';
}

/** Looks every now and then whether only the recorded primary receives. */
export class RegionChecks {
  readonly #world: World;
  #bothSince: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  begin(): void {
    if (this.#world.region !== undefined) this.#look();
  }

  #look(): void {
    const { ground, members } = this.#world;
    const { clock } = ground;
    const receiving = members.filter(isReceiving);
    if (receiving.length < 2 || textAt(this.#world, znodes.journal('g1')) !== '') this.#bothSince = undefined;
    else this.#bothSince ??= clock.now;
    if (this.#bothSince !== undefined && clock.now - this.#bothSince > BOTH_MS)
      ground.violation(`two servers receive from the region: ${receiving.map(({ id }) => id).join(', ')}`);
    else clock.after(LOOK_MS, () => this.#look());
  }
}

function isReceiving({ server }: SimMember): boolean {
  const channel = server.isRunning ? server.channels.get(CHANNEL) : undefined;
  return channel?.isAttached === true && channel.applierOn;
}

function textAt({ ground }: World, path: string): string {
  return ground.zookeeper.tree.get(path)?.data.toString('utf8') ?? '';
}
