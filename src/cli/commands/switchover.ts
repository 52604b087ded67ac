import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { preflight } from '../../core/perform/preflight.ts';
import { rehearse, type Rehearsal } from '../../core/plan/rehearse.ts';
import { usualTerms, type SwitchoverTerms } from '../../core/plan/switchover-terms.ts';
import { readRouters } from '../../core/store/inventory.ts';
import { switchoverPlan, type SwitchoverOrder } from '../../roles/begin-failover.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { parseDuration } from '../duration.ts';
import { observeOnce } from '../observe-once.ts';
import { confirm, memberId, operatorName, orderTask } from '../operator.ts';
import { print } from '../output.ts';
import { planBeginning } from '../plan-beginning.ts';
import { renderRehearsal } from '../render-rehearsal.ts';

/** Routers give a hold up by themselves later than this. */
const longestPauseMs = 20_000;

interface TermArgs {
  readonly wait: string;
  readonly maxPause: string;
  readonly drain: string;
  readonly transactions: SwitchoverTerms['transactions'];
}

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
    wait: {
      type: 'string',
      default: '10s',
      describe:
        'how long the candidate may need to catch up, and long transactions to end, before anything changes',
    },
    maxPause: {
      type: 'string',
      default: '2s',
      describe: 'taken back when clients have waited this long',
    },
    drain: {
      type: 'string',
      default: '50ms',
      describe: 'clients may end what they are in the middle of for so long; 0: they are cut off at once',
    },
    transactions: {
      choices: ['wait', 'kill', 'abort'] as const,
      default: usualTerms.transactions,
      describe: 'transactions open for a second or more: wait for their end, end them, or do not begin',
    },
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
      const rehearsal = await dryRun(group, { id: 'dry-run', by, host, terms }, context, store);
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

/** What the coordinator would do, from what everybody answers now. */
export async function dryRun(
  group: string,
  order: SwitchoverOrder,
  context: Context,
  store: Coordination,
): Promise<Rehearsal> {
  const mysql = await context.mysql();
  const snapshot = await observeOnce(group, context, { store, mysql });
  const plan = switchoverPlan(snapshot, await planBeginning(group, context, store), order);
  const { oldPrimary, terms } = plan.inputs;
  const members = snapshot.members.map(({ member }) => member);
  const { caller: peers } = await context.peers();
  const { positions, problems } = await preflight(
    { kind: 'preflight', from: oldPrimary, hosts: members.map(({ id }) => id) },
    terms,
    {
      group,
      members,
      routers: await readRouters(store, group),
      coordination: store,
      mysql,
      peers,
      limits: context.config.failover,
      signal: new AbortController().signal,
    },
  );
  return rehearse(plan, { positions, problems, executed: '' });
}

/** Throws `USAGE`. */
function termsOf({ wait, maxPause, drain, transactions }: TermArgs): SwitchoverTerms {
  const maxPauseMs = parseDuration(maxPause, '--max-pause');
  if (maxPauseMs > longestPauseMs)
    throw new DcmhaError('USAGE', `--max-pause ${maxPause}: at most ${longestPauseMs / 1000} s`);
  const drainMs = drain === '0' ? 0 : parseDuration(drain, '--drain');
  if (drainMs >= maxPauseMs) throw new DcmhaError('USAGE', '--drain must be shorter than --max-pause');
  return { waitMs: parseDuration(wait, '--wait'), maxPauseMs, drainMs, transactions };
}
