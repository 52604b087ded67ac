import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import type { Pause } from '../../core/model/pause.ts';
import { readHost, readMemberIds } from '../../core/store/inventory.ts';
import { readJournal } from '../../core/store/journal.ts';
import { pauseGroup, pauseHost, unpauseGroup, unpauseHost } from '../../core/store/pauses.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { parseDuration } from '../duration.ts';
import { idOf, memberId, operatorName } from '../operator.ts';
import { formatTime, print } from '../output.ts';

const target = {
  group: { type: 'string', describe: 'name of the group; not needed with --host' },
  host: { type: 'string', describe: 'only this server; else the whole group' },
} as const;

export const setwhiteCommand = defineCommand({
  command: 'setwhite',
  describe: 'pause a group, or one server: nothing is done automatically',
  help:
    'For manual work. Alerts still come, operator commands still work, a plan that runs goes on. A paused group: no failover, no change of ' +
    'the read list, no agent starts, stops or repoints replication, and none closes a server that you opened by hand. A paused server ' +
    '(--host): it is neither elected, repointed, taken off the read list nor told of; a primary there is not failed over. unsetwhite takes ' +
    'it back; with --for it ends by itself. Repeating it replaces the pause.',
  options: {
    ...target,
    why: { type: 'string', default: '', describe: 'reason, shown in status' },
    for: { type: 'string', describe: 'it ends by itself after, as in 30m, 2h, 1h30m' },
    minutes: { type: 'number', describe: 'the same in minutes' },
  },
  examples: [
    ['$0 setwhite --group orders --for 2h --why "new disks"', ''],
    ['$0 setwhite --host 10.0.0.2', ''],
  ],
  run: async (args) => {
    const forMs = lengthOf(args);
    await using context = new Context(args);
    const store = await context.coordination();
    const { group, id } = await targetOf(store, args);
    const at = context.clock.now();
    const until = forMs === undefined ? {} : { until: at + forMs };
    const pause: Pause = { by: operatorName(), why: args.why, at, ...until };
    if (id === undefined) await pauseGroup(store, group, pause);
    else await pauseHost(store, id, pause);
    const plan = (await readJournal(store, group)) === undefined ? undefined : 'runs';
    const unset = `dcmha unsetwhite --group ${group}${id === undefined ? '' : ` --host ${id}`}`;
    const document = { group, ...(id === undefined ? {} : { host: id }), pause, plan };
    print(args.json, document, () =>
      [
        `${id ?? group} is paused until ${pause.until === undefined ? unset : `${formatTime(pause.until)} UTC, or ${unset}`}`,
        ...(plan === undefined ? [] : [`a plan is running and goes on: dcmha task show --group ${group}`]),
      ].join('\n'),
    );
  },
});

export const unsetwhiteCommand = defineCommand({
  command: 'unsetwhite',
  describe: 'end the pause of a group, or of one server',
  options: target,
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const { group, id } = await targetOf(store, args);
    const was = id === undefined ? await unpauseGroup(store, group) : await unpauseHost(store, id);
    const document = { group, ...(id === undefined ? {} : { host: id }), was };
    print(args.json, document, () => `${id ?? group} ${was ? 'is looked after again' : 'was not paused'}`);
  },
});

function lengthOf(args: { readonly for?: string | undefined; readonly minutes?: number | undefined }) {
  if (args.for !== undefined && args.minutes !== undefined)
    throw new DcmhaError('USAGE', '--for and --minutes say the same: give one');
  if (args.for !== undefined) return parseDuration(args.for, '--for');
  if (args.minutes === undefined) return undefined;
  if (!(args.minutes > 0)) throw new DcmhaError('USAGE', '--minutes must be more than 0');
  return Math.round(args.minutes * 60_000);
}

/** `id`: of the host, when only that is meant. */
async function targetOf(
  store: Coordination,
  { group, host }: { readonly group?: string | undefined; readonly host?: string | undefined },
): Promise<{ readonly group: string; readonly id?: string }> {
  if (group !== undefined) {
    if (host !== undefined) return { group, id: await memberId(store, group, host) };
    await readMemberIds(store, group);
    return { group };
  }
  if (host === undefined) throw new DcmhaError('USAGE', 'say --group, or --host');
  const id = idOf(host);
  const record = await readHost(store, id);
  if (record === undefined)
    throw new DcmhaError('NOT_FOUND', `${host} is in no group: dcmha status lists them`, {
      details: { host },
    });
  return { group: record.group, id };
}
