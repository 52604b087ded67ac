import { znodes } from '../../core/store/znodes.ts';
import { abortOnSignals } from '../../roles/daemon.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import type { GroupStatus, ServerStatusRow } from '../group-status.ts';
import { lookAtGroups, type MalformedGroup } from '../look-at-groups.ts';
import { print, table } from '../output.ts';
import { renderRegion } from '../region-status.ts';

export const statusCommand = defineCommand({
  command: 'status',
  describe: 'groups, their servers, routes and alerts',
  options: {
    group: { type: 'string', describe: 'one group; else all' },
    watch: { type: 'boolean', default: false, describe: 'print again every second until interrupted' },
  },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const look = await lookAtGroups(context, store);
    const show = async (): Promise<void> => {
      const statuses = await look(args.group);
      const coordinators = await store.children(znodes.coordinators);
      print(args.json, { coordinators, groups: statuses }, () => render(coordinators, statuses));
      if (statuses.some((status) => 'malformed' in status)) process.exitCode = 65;
    };
    await show();
    if (!args.watch) return;
    const signal = abortOnSignals(process);
    for (;;) {
      await context.clock.pause(1000, signal);
      if (signal.aborted) return;
      if (!args.json) process.stdout.write('\u001b[H\u001b[2J');
      await show();
    }
  },
});

function render(coordinators: readonly string[], groups: readonly (GroupStatus | MalformedGroup)[]): string {
  const head = `coordinators: ${coordinators.length === 0 ? 'none' : coordinators.join(', ')}`;
  return [head, ...groups.map(renderGroup)].join('\n\n');
}

interface Placed {
  readonly row: ServerStatusRow;
  readonly depth: number;
}

/** As they replicate now: replicas of replicas below their source, wherever the metadata want them. */
function asTree(servers: readonly ServerStatusRow[]): readonly Placed[] {
  const placed: Placed[] = [];
  const place = (row: ServerStatusRow, depth: number): void => {
    if (placed.some((one) => one.row === row)) return;
    placed.push({ row, depth });
    const below = servers.filter((other) => other.source === row.host && row.role !== 'primary');
    for (const other of below) place(other, depth + 1);
  };
  const isBelow = ({ source }: ServerStatusRow) =>
    servers.some((other) => other.host === source && other.role !== 'primary');
  for (const row of servers.filter((one) => !isBelow(one))) place(row, 0);
  // Who replicates in a circle is below nobody.
  for (const row of servers) place(row, 0);
  return placed;
}

/** With the source, where that is not what one would think. */
function replicationOf(row: ServerStatusRow, servers: readonly ServerStatusRow[]): string {
  const primary = servers.find(({ role }) => role === 'primary')?.host;
  if (row.role === 'primary' || row.source === '') return row.replication;
  if (row.source !== primary) return `${row.replication} from ${row.source}`;
  return row.from === '' ? row.replication : `${row.replication} from the primary, not from ${row.from}`;
}

function renderGroup(status: GroupStatus | MalformedGroup): string {
  if ('malformed' in status) return `group ${status.group}: ${status.malformed}`;
  const { group, primary, epoch, paused, plan, write, semiSync, servers, routers, regions, alerts } = status;
  const isPlaced = servers.some(({ dc }) => dc !== '');
  const lines = [
    `group ${group}: primary ${primary === '' ? 'none' : primary} (epoch ${epoch}), writes ${write === '' ? 'closed' : `to ${write}`}`,
    ...(paused === '' ? [] : [`paused ${paused}`]),
    ...(plan === '' ? [] : [`plan: ${plan}`]),
    ...(semiSync === '' ? [] : [`semi-sync: ${semiSync}`]),
    ...alerts.map((text) => `alert: ${text}`),
    table(
      [
        'server',
        ...(isPlaced ? ['dc'] : []),
        'role',
        'agent',
        'mysql',
        'writable',
        'replication',
        'lag',
        'reads',
        'why',
      ],
      asTree(servers).map(({ row, depth }) => [
        depth === 0 ? row.host : `${'  '.repeat(depth - 1)}└ ${row.host}`,
        ...(isPlaced ? [row.dc] : []),
        row.role,
        row.agent,
        row.verdict,
        row.writable,
        replicationOf(row, servers),
        row.lag,
        row.reads,
        [row.paused === '' ? '' : `paused ${row.paused}`, row.why].filter((text) => text !== '').join('; '),
      ]),
    ),
    ...routers.map(({ router, state }) => `router ${router}: ${state}`),
    ...regions.map(renderRegion),
  ];
  return lines.join('\n');
}
