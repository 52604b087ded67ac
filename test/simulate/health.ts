import { outcomeOf, rejoinPlanSchema, type RejoinPlan } from '../../src/core/rejoin/plan.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Checks } from './checks.ts';
import { whyRegionUnwell } from './region-checks.ts';
import type { SimMember } from './sim-member.ts';
import { tableNames } from './sim-tables.ts';
import type { World } from './world.ts';

/** Why the group is not as it should be when nothing is wrong any more; undefined when it is. */
export function whyUnwell(world: World, checks: Checks): string | undefined {
  const { zookeeper } = world.ground;
  const plan = zookeeper.tree.get(znodes.journal('g1'))?.data.toString('utf8') ?? '';
  if (plan !== '') return 'a plan is running';
  const primary = world.primary();
  if (primary === undefined) return 'no primary is recorded';
  const why = whyPrimaryUnwell(primary);
  if (why !== undefined) return `the primary ${primary.id} ${why}`;
  const closed = world.routers.find(({ haproxy }) => haproxy.open !== primary.server.name);
  if (closed !== undefined) return `${closed.host} does not route writes to ${primary.id}`;
  const missing = checks.missingAt(primary.server);
  if (!missing.isEmpty()) return `acknowledged and not at ${primary.id}: ${missing.toCompactString()}`;
  for (const member of world.members) {
    const whyNot = member === primary ? undefined : whyReplicaUnwell(member, primary);
    if (whyNot !== undefined) return `${member.id}: ${whyNot}`;
  }
  return whyNotRead(world, primary) ?? whyRegionUnwell(world);
}

function whyPrimaryUnwell({ server }: SimMember): string | undefined {
  if (!server.isWritable) return 'is not writable';
  const source = server.channels.get('')?.source;
  return source === undefined ? undefined : `replicates from ${source.host}`;
}

function whyReplicaUnwell({ server }: SimMember, primary: SimMember): string | undefined {
  if (!server.isRunning) return 'its server does not run';
  if (server.isWritable) return 'it is writable';
  const channel = server.channels.get('');
  if (channel === undefined) return 'it does not replicate';
  if (channel.source.host !== primary.host) return `it replicates from ${channel.source.host}`;
  if (!channel.isAttached || !channel.applierOn) return 'its replication does not run';
  const errant = server.executed.subtract(primary.server.executed);
  return errant.isEmpty() ? undefined : `it is errant: ${errant.toCompactString()}`;
}

function whyNotRead(world: World, primary: SimMember): string | undefined {
  const text = world.ground.zookeeper.tree.get(znodes.route('g1'))?.data.toString('utf8') ?? '';
  const unread = world.members.find((member) => member !== primary && !text.includes(member.server.name));
  return unread === undefined ? undefined : `${unread.id} is not read from`;
}

/** Why nothing but a copy of another server helps a member: what no program takes back, or what its source cannot send any more. */
export function whyPastHelp(world: World, { id, server }: SimMember): string | undefined {
  const channel = server.channels.get('')?.status(world.ground.clock.now);
  if (channel?.receiverError !== undefined) return channel.receiverError;
  const plan = returnOf(world, id);
  if (plan?.ended === undefined) return undefined;
  const reason = outcomeOf(plan, 'saved')?.obstacle?.reason;
  return reason === 'not-the-last' || reason === 'purged' ? reason : undefined;
}

/** Why a return ended that should have brought the server back. */
export function whyNotBack(world: World, member: SimMember): string | undefined {
  return whyPastHelp(world, member) === undefined ? returnOf(world, member.id)?.ended : undefined;
}

function returnOf({ ground }: World, id: string): RejoinPlan | undefined {
  const text = ground.zookeeper.tree.get(znodes.rejoinPlan(id))?.data.toString('utf8') ?? '';
  return text === '' ? undefined : rejoinPlanSchema.parse(JSON.parse(text));
}

/** Why the members do not all hold the same rows; undefined when they do. For when nobody writes any more. */
export function whyUnequal({ members }: World): string | undefined {
  const [first, ...others] = members.map(({ server }) => server);
  if (first === undefined) return undefined;
  for (const { name, executed, tables } of others) {
    if (!executed.equals(first.executed))
      return `${name} has executed ${executed.toCompactString()}, ${first.name} ${first.executed.toCompactString()}`;
    const table = tables.differs(first.tables);
    if (table !== undefined)
      return `${tableNames[table]?.table ?? ''} of ${name} is not that of ${first.name}`;
  }
  return undefined;
}
