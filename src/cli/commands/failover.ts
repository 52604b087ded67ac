import type { Coordination } from '../../ports/coordination.ts';
import { rehearse, type Rehearsal } from '../../core/plan/rehearse.ts';
import { orderedFailover } from '../../roles/coordinator/begin-failover.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { lookAt } from '../look.ts';
import { confirm, memberId, operatorName, orderTask } from '../operator.ts';
import { print } from '../output.ts';
import { renderRehearsal } from '../render-rehearsal.ts';

export const failoverCommand = defineCommand({
  command: 'failover',
  describe: 'move the primary now, whatever became of it',
  help:
    'A coordinator closes the route, fences the primary, lets the candidates receive all it has, elects, opens and routes. ' +
    'Every candidate is frozen and nothing is held: for a healthy primary, switchover is gentler. Pause, cooldown and failover.automatic do not forbid it. --dry-run asks the servers and prints each step without doing any.',
  options: {
    group: { type: 'string', demandOption: true, describe: 'name of the group' },
    to: { type: 'string', describe: 'the new primary; else the best candidate' },
    dryRun: { type: 'boolean', default: false, describe: 'print what would be done, change nothing' },
    yes: { type: 'boolean', default: false, describe: 'do not ask' },
    timeout: { type: 'number', default: 120_000, describe: 'how long to wait for it, ms' },
  },
  examples: [['$0 failover --group orders --dry-run']],
  run: async (args) => {
    await using context = new Context(args);
    const store = await context.coordination();
    const to = args.to === undefined ? undefined : await memberId(store, args.group, args.to);
    if (args.dryRun) {
      const rehearsal = await dryRun(args.group, to, context, store);
      print(args.json, rehearsal, () => renderRehearsal(rehearsal));
      return;
    }
    await confirm(args.yes, `The primary of ${args.group} will be fenced and its sessions ended.`);
    const at = context.clock.now();
    const task = await orderTask(
      store,
      {
        kind: 'failover',
        group: args.group,
        by: operatorName(),
        at,
        ...(to === undefined ? {} : { host: to }),
      },
      { clock: context.clock, timeoutMs: args.timeout },
    );
    print(args.json, task, () => `${args.group}: ${task.message ?? 'done'}`);
  },
});

async function dryRun(
  group: string,
  to: string | undefined,
  context: Context,
  store: Coordination,
): Promise<Rehearsal> {
  const by = operatorName();
  const { snapshot, positions, plans: policy } = await lookAt(group, context, store);
  const plan = orderedFailover(snapshot, { by, policy }, { by, to });
  const old = positions.find(({ host }) => host === snapshot.primary?.id);
  return rehearse(plan, {
    positions: positions.filter((position) => position !== old),
    executed: old?.error === undefined ? old?.executed : undefined,
  });
}
