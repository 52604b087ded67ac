import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { confirm, memberId, operatorName, orderTask } from '../operator.ts';
import { print } from '../output.ts';
import { rehearseSwitchover } from '../rehearse-switchover.ts';
import { renderRehearsal } from '../render-rehearsal.ts';
import { termOptions, termsOf } from '../switchover-terms.ts';

export const switchoverCommand = defineCommand({
  command: 'switchover',
  describe: 'move the primary of a healthy group; its clients only wait a moment',
  help:
    'Everything is looked at first, and a no changes nothing. Then new connections wait in HAProxy, the primary lets go, the candidate ' +
    'receives the last transaction, opens, and the connections go on. Whatever fails before the new primary is recorded is taken back by itself. ' +
    'For a primary that does not answer: failover.',
  options: {
    group: { type: 'string', demandOption: true, describe: 'name of the group' },
    to: { type: 'string', describe: 'the new primary; else the best candidate' },
    dryRun: {
      type: 'boolean',
      default: false,
      describe: 'look at everything and print each step, change nothing',
    },
    ...termOptions,
    yes: { type: 'boolean', default: false, describe: 'do not ask' },
    timeout: { type: 'number', default: 120_000, describe: 'how long to wait for it all, ms' },
  },
  examples: [
    ['$0 switchover --group orders --dry-run'],
    ['$0 switchover --group orders --to 10.0.0.2 --max-pause 500ms --transactions abort'],
  ],
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const { group } = args;
    const host = args.to === undefined ? undefined : await memberId(store, group, args.to);
    const terms = termsOf(args);
    const by = operatorName();
    if (args.dryRun) {
      const rehearsal = await rehearseSwitchover(group, { id: 'dry-run', by, host, terms }, context, store);
      print(args.json, rehearsal, () => renderRehearsal(rehearsal));
      return;
    }
    await confirm(args.yes, `The primary of ${group} will move; its sessions end, new ones wait a moment.`);
    const task = await orderTask(
      store,
      {
        kind: 'switchover',
        group,
        by,
        at: context.clock.now(),
        terms,
        ...(host === undefined ? {} : { host }),
      },
      { clock: context.clock, timeoutMs: args.timeout },
    );
    print(args.json, task, () => `${group}: ${task.message ?? 'done'}`);
  },
});
