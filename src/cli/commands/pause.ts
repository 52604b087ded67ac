import { readMemberIds } from '../../core/store/inventory.ts';
import { pauseGroup, unpauseGroup } from '../../core/store/pauses.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { operatorName } from '../operator.ts';
import { formatTime, print } from '../output.ts';

const group = { type: 'string', demandOption: true, describe: 'name of the group' } as const;

export const setwhiteCommand = defineCommand({
  command: 'setwhite',
  describe: 'pause a group: nothing is done automatically',
  help: 'For maintenance. Alerts still come; operator commands still work. unsetwhite takes it back.',
  options: {
    group,
    why: { type: 'string', default: '', describe: 'reason, shown in status' },
    minutes: { type: 'number', describe: 'the pause ends by itself after' },
  },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    await readMemberIds(store, args.group);
    const at = context.clock.now();
    const until = args.minutes === undefined ? {} : { until: at + args.minutes * 60_000 };
    const pause = { by: operatorName(), why: args.why, at, ...until };
    await pauseGroup(store, args.group, pause);
    const end = args.minutes === undefined ? 'dcmha unsetwhite' : formatTime(at + args.minutes * 60_000);
    print(args.json, { group: args.group, pause }, () => `${args.group} is paused until ${end}`);
  },
});

export const unsetwhiteCommand = defineCommand({
  command: 'unsetwhite',
  describe: 'end the pause of a group',
  options: { group },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    await readMemberIds(store, args.group);
    const was = await unpauseGroup(store, args.group);
    print(
      args.json,
      { group: args.group, was },
      () => `${args.group} ${was ? 'is looked after again' : 'was not paused'}`,
    );
  },
});
