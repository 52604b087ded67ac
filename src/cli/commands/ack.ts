import { randomUUID } from 'node:crypto';
import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { openFailovers, removeAck, writeAck, type Ack } from '../../core/store/acks.ts';
import { appendHistory, type HistoryRecord } from '../../core/store/history.ts';
import { listGroups, readMemberIds } from '../../core/store/inventory.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { operatorName } from '../operator.ts';
import { formatTime, print } from '../output.ts';

/** More than a cooldown or the window of the fleet can reach back to. */
const LOOKED_AT = 20;

interface Acknowledged {
  readonly group: string;
  /** What held the next failover back until now. */
  readonly failovers: readonly HistoryRecord[];
  /** --undo: whether there was anything to take back. */
  readonly undone?: boolean;
}

export const ackCommand = defineCommand({
  command: 'ack',
  describe: 'the cause of the last failovers is known: they hold the next one back no more',
  help:
    "Ends the cooldown of a group's automatic failovers (failover.cooldownMs), and its failovers do not count any more when several groups " +
    'lose their primary at once (fleet.max). Only for those that are over: the next one begins a cooldown of its own. Nothing is moved by it, ' +
    'except that a failover that was refused for one of these reasons begins. --undo takes it back. Repeating it does nothing.',
  options: {
    group: { type: 'string', describe: 'name of the group' },
    all: { type: 'boolean', default: false, describe: 'every group' },
    why: { type: 'string', default: '', describe: 'what it was, for the record' },
    undo: { type: 'boolean', default: false, describe: 'take it back: they count again' },
  },
  examples: [['$0 ack --group orders --why "power supply of rack 4, replaced"', '']],
  run: async (args) => {
    if ((args.group === undefined) !== args.all) throw new DcmhaError('USAGE', 'say --group, or --all');
    await using context = new Context(args);
    const store = await context.coordination();
    const groups = args.group === undefined ? await listGroups(store) : [args.group];
    if (args.group !== undefined) await readMemberIds(store, args.group);
    const word = { by: operatorName(), at: context.clock.now(), why: args.why };
    const done: Acknowledged[] = [];
    for (const group of groups)
      done.push(args.undo ? await takeBack(store, group) : await acknowledge(store, group, word));
    print(args.json, done, () => done.map(render).join('\n'));
  },
});

async function acknowledge(
  store: Coordination,
  group: string,
  word: Omit<Ack, 'epoch'>,
): Promise<Acknowledged> {
  const [primary, failovers] = await Promise.all([
    readPrimary(store, group),
    openFailovers(store, group, LOOKED_AT),
  ]);
  if (primary !== undefined && failovers.length > 0) {
    const { epoch } = primary;
    const { by, at, why } = word;
    await writeAck(store, group, { epoch, ...word });
    await appendHistory(store, group, {
      id: randomUUID(),
      kind: 'ack',
      at,
      result: 'done',
      cause: by,
      epoch,
      why,
    });
  }
  return { group, failovers };
}

async function takeBack(store: Coordination, group: string): Promise<Acknowledged> {
  const undone = await removeAck(store, group);
  return { group, failovers: await openFailovers(store, group, LOOKED_AT), undone };
}

function render({ group, failovers, undone }: Acknowledged): string {
  if (undone === false) return `${group}: nothing was acknowledged`;
  const last = failovers[0];
  if (last === undefined) return `${group}: no automatic failover that nobody has acknowledged`;
  const [from, to] = [last['from'], last['to']].map((host) => (typeof host === 'string' ? host : 'nobody'));
  const which = `${failovers.length} automatic failovers, the last of ${formatTime(last.at)} UTC, ${from} -> ${to}`;
  return undone === true ? `${group}: they count again: ${which}` : `${group}: acknowledged: ${which}`;
}
