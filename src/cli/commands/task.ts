import { DcmhaError } from '../../core/model/errors.ts';
import { next } from '../../core/plan/next.ts';
import { abandoned, retried, type Plan } from '../../core/plan/plan.ts';
import { readJournal, saveJournal } from '../../core/store/journal.ts';
import { listTasks, readTask } from '../../core/store/tasks.ts';
import { planOf } from '../../roles/coordinator/plan-runner.ts';
import { actionIn, needed } from '../action.ts';
import { approve } from '../approve.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { confirm, memberId, operatorName, orderTask } from '../operator.ts';
import { formatTime, print, table } from '../output.ts';

export const taskCommand = defineCommand({
  command: 'task [action] [name]',
  aliases: ['setmaster'],
  describe:
    'tell dcmha of a primary made by hand (--host), or list, show, approve, retry, abandon tasks and plans',
  help:
    'With --group and --host and no action: the white task after manual work (setwhite first, unsetwhite after). It looks whether HOST ' +
    'takes writes, nobody else does, and the others replicate from it, and refuses with every reason when not. Then it records HOST as ' +
    'the primary (a new epoch: the former one is kept read-only), clears alerts and watches it; with --reroute it is published, too.\n' +
    'approve: a failover that waits (it would leave its data centre, or lose more than the limit) goes on; for this incident only, and void ' +
    'after failover.approvalMs or --for.\n' +
    'retry: a blocked plan goes on; before a new primary is recorded, everything is looked at afresh.\n' +
    'abandon: a plan is undone as far as it can be: the old primary gets its record, route and replicas back while no other is recorded.',
  options: {
    group: { type: 'string', describe: 'name of the group' },
    host: { type: 'string', describe: 'the primary after manual work' },
    reroute: { type: 'boolean', default: false, describe: 'publish it to the routers, too' },
    force: {
      type: 'boolean',
      default: false,
      describe: 'record it whatever is found; what is passed over is said',
    },
    for: { type: 'string', describe: 'approve: how long it stays in force, as in 30m' },
    yes: { type: 'boolean', default: false, describe: 'do not ask' },
    timeout: { type: 'number', default: 30_000, describe: 'how long to wait for it, ms' },
  },
  examples: [
    ['$0 task --group orders --host 10.0.0.2 --reroute'],
    ['$0 task list'],
    ['$0 task approve --group orders'],
    ['$0 task retry --group orders'],
  ],
  run: async (args) => {
    const { action, name } = args as { readonly action?: string; readonly name?: string };
    await using context = new Context(args);
    const call: Call = { ...args, context, name };
    await (action === undefined ? white(call) : actionIn(actions, action, 'or --group and --host')(call));
  },
});

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  list,
  show,
  approve: (call) => approve({ ...call, group: needed(call.group, '--group') }),
  retry: (call) => change(call, 'go on', retried),
  abandon: (call) => change(call, 'be undone', (plan) => abandoned(plan, operatorName())),
};

interface Call {
  readonly context: Context;
  readonly group: string | undefined;
  readonly name: string | undefined;
  readonly host: string | undefined;
  readonly reroute: boolean;
  readonly force: boolean;
  readonly for: string | undefined;
  readonly timeout: number;
  readonly json: boolean;
  readonly yes: boolean;
}

async function white({ context, reroute, force, timeout, json, yes, ...call }: Call): Promise<void> {
  const group = needed(call.group, '--group');
  const named = needed(call.host, '--host');
  const store = await context.coordination();
  const host = await memberId(store, group, named);
  await confirm(yes, `${host} will be recorded as the primary of ${group}; any other is kept read-only.`);
  const { clock } = context;
  const task = await orderTask(
    store,
    { kind: 'white', group, host, reroute, force, by: operatorName(), at: clock.now() },
    { clock, timeoutMs: timeout },
  );
  print(json, task, () => task.message ?? 'done');
}

async function list({ context, json }: Call): Promise<void> {
  const entries = await listTasks(await context.coordination());
  const rows = entries.map((entry) => {
    if (entry.kind === 'malformed')
      return { name: entry.name, state: 'malformed', message: entry.error.message };
    return { name: entry.name, ...entry.task };
  });
  print(json, rows, () =>
    rows.length === 0
      ? 'no tasks'
      : table(
          ['task', 'kind', 'group', 'state', 'when (UTC)', 'message'],
          rows.map((row) =>
            'kind' in row
              ? [row.name, row.kind, row.group, row.state, formatTime(row.at), row.message ?? '']
              : [row.name, '?', '?', row.state, '', row.message],
          ),
        ),
  );
}

/** One task by name, or the plan that runs in a group. */
async function show({ context, name, group, json }: Call): Promise<void> {
  const store = await context.coordination();
  if (name !== undefined) {
    const entry = await readTask(store, name);
    if (entry === undefined) throw new DcmhaError('NOT_FOUND', `there is no task ${name}: dcmha task list`);
    if (entry.kind === 'malformed') throw entry.error;
    print(json, { name, ...entry.task }, () => JSON.stringify(entry.task, undefined, 2));
    return;
  }
  const { plan } = await runningPlan(context, needed(group, 'the name of a task, or --group,'));
  print(json, plan, () => JSON.stringify({ ...plan, now: next(plan) }, undefined, 2));
}

async function change(
  { context, group: named, json, yes }: Call,
  what: string,
  edit: (plan: Plan) => Plan,
): Promise<void> {
  const group = needed(named, '--group');
  const { plan, version } = await runningPlan(context, group);
  const now = next(plan);
  const state =
    now.kind === 'blocked' ? `blocked: ${now.why}` : `at ${now.kind === 'step' ? now.step.kind : 'its end'}`;
  await confirm(yes, `The ${plan.kind} of ${group} (${state}) will ${what}.`);
  const changed = edit(plan);
  await saveJournal(await context.coordination(), { ...changed, by: operatorName() }, version);
  print(
    json,
    { group, plan: plan.id, kind: plan.kind },
    () => `the ${plan.kind} of ${group} will ${what}: dcmha history --group ${group}`,
  );
}

async function runningPlan(context: Context, group: string): Promise<{ plan: Plan; version: number }> {
  const state = await readJournal(await context.coordination(), group);
  if (state === undefined)
    throw new DcmhaError('NOT_FOUND', `no plan is running in group ${group}: dcmha history --group ${group}`);
  if (state.kind === 'unknown-program') {
    throw new DcmhaError(
      'ZNODE_CONFLICT',
      `the plan of ${group} belongs to program ${state.program}: use that version of dcmha`,
    );
  }
  return { plan: planOf(state.journal), version: state.version };
}
