import { parsePythonLiteral } from '../../src/core/store/python-literal.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Checks } from './checks.ts';
import type { SimMember } from './sim-member.ts';
import type { World } from './world.ts';

/** Why the group is not as it should be when nothing is wrong any more; undefined when it is. */
export function whyUnwell(world: World, checks: Checks): string | undefined {
  const { zookeeper } = world.ground;
  const plan = zookeeper.tree.get(znodes.journal('g1'))?.data.toString('utf8') ?? '';
  if (plan !== '') return 'a plan is running';
  const primary = world.primary();
  if (primary === undefined) return 'no primary is recorded';
  if (!primary.server.isWritable) return `the primary ${primary.id} is not writable`;
  const closed = world.routers.find(({ haproxy }) => haproxy.open !== primary.server.name);
  if (closed !== undefined) return `${closed.host} does not route writes to ${primary.id}`;
  const missing = checks.missingAt(primary.server);
  if (!missing.isEmpty()) return `acknowledged and not at ${primary.id}: ${missing.toCompactString()}`;
  for (const member of world.members) {
    const why = member === primary ? undefined : whyReplicaUnwell(member, primary);
    if (why !== undefined) return `${member.id}: ${why}`;
  }
  return whyNotRead(world, primary);
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

/** Servers whose agents say that they hold what the primary lacks: with what this world has, an operator makes them anew. */
export function errantMembers(world: World): SimMember[] {
  return world.members.filter(({ id }) => {
    const text = world.ground.zookeeper.tree.get(znodes.presence(id))?.data.toString('utf8') ?? '';
    return text !== '' && JSON.stringify(parsePythonLiteral(text)).includes('"state":"errant"');
  });
}
