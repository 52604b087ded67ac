import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { memberId, operatorName, orderTask } from '../operator.ts';
import { print } from '../output.ts';

export const addCommand = defineCommand({
  command: 'add',
  describe: "make a group's first primary: elect, configure replication, open, publish",
  help:
    'A coordinator asks every member, elects one that holds all data, records it, has its agent open writes, points the others at it ' +
    'and publishes the route. Members must not be in use as primaries elsewhere. Repeating it on a group that has its primary does nothing.',
  options: {
    group: { type: 'string', demandOption: true, describe: 'group from insertclustermeta' },
    host: { type: 'string', describe: 'the member that shall be the primary' },
    timeout: { type: 'number', default: 60_000, describe: 'how long to wait for it, ms' },
  },
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const host = args.host === undefined ? undefined : await memberId(store, args.group, args.host);
    const task = await orderTask(
      store,
      {
        kind: 'add',
        group: args.group,
        by: operatorName(),
        at: context.clock.now(),
        ...(host === undefined ? {} : { host }),
      },
      { clock: context.clock, timeoutMs: args.timeout },
    );
    print(args.json, task, () => `${args.group}: ${task.message ?? 'done'}`);
  },
});
