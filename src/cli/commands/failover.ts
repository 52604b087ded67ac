import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { rehearse, type Rehearsal } from '../../core/plan/rehearse.ts';
import type { Position } from '../../core/plan/steps.ts';
import { readPolicy } from '../../core/store/policy.ts';
import { orderedFailover, planPolicy } from '../../roles/begin-failover.ts';
import { observe } from '../../roles/observe.ts';
import { Context } from '../context.ts';
import { defineCommand } from '../define-command.ts';
import { confirm, memberId, operatorName, orderTask } from '../operator.ts';
import { print } from '../output.ts';

export const failoverCommand = defineCommand({
  command: 'failover',
  describe: 'move the primary now: safe on a healthy one, too',
  help:
    'A coordinator closes the route, fences the primary, lets the candidates receive all it has, elects, opens and routes. ' +
    'Pause, cooldown and failover.automatic do not forbid it. --dry-run asks the servers and prints each step without doing any.',
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
      print(args.json, rehearsal, () => render(rehearsal));
      return;
    }
    await confirm(args.yes, `The primary of ${args.group} will be fenced and its sessions ended.`);
    const at = context.clock.now();
    const task = await orderTask(
      store,
      {
        kind: 'switchover',
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
  const { config, clock } = context;
  const mysql = await context.mysql();
  const by = operatorName();
  const snapshot = await observe(
    group,
    {
      coordination: store,
      mysql,
      clock,
      by,
      agentPort: config.agent.port,
      probeTimeoutMs: config.coordinator.probeTimeoutMs,
      fleetWindowMs: config.fleet.windowMs,
      publishReturned: config.rejoin.publish === 'auto',
    },
    new AbortController().signal,
  );
  const { failover, catchUp } = config;
  const common = { maxLoss: failover.maxLoss, catchUp: catchUp.policy, rules: failover };
  const policy = planPolicy(common, await readPolicy(store, group));
  const plan = orderedFailover(snapshot, { by, policy }, { by, to });
  const positions = await Promise.all(
    snapshot.members.map(({ member }) =>
      positionOf(member.id, snapshot, mysql, config.failover.gatherTimeoutMs),
    ),
  );
  const old = positions.find(({ host }) => host === snapshot.primary?.id);
  return rehearse(plan, {
    positions: positions.filter((position) => position !== old),
    executed: old?.error === undefined ? old?.executed : undefined,
  });
}

async function positionOf(
  host: string,
  { members }: GroupSnapshot,
  mysql: Mysql,
  timeoutMs: number,
): Promise<Position> {
  const server = members.find(({ member }) => member.id === host)?.member.endpoint;
  const nothing = { host, executed: '', retrieved: '', version: '' };
  if (server === undefined) return { ...nothing, error: 'no member' };
  const probe = await mysql.probe(server, { timeoutMs });
  if (probe.kind !== 'up') return { ...nothing, error: probe.message };
  const { executed, version, channels } = probe.status;
  return { host, executed, retrieved: channels.find(({ name }) => name === '')?.retrieved ?? '', version };
}

function render({ steps, ending }: Rehearsal): string {
  const lines = steps.map(
    ({ kind, ...rest }, at) => `${String(at + 1).padStart(2)}  ${kind.padEnd(16)} ${JSON.stringify(rest)}`,
  );
  const end =
    ending.kind === 'blocked'
      ? `would be blocked: ${ending.reason}: ${ending.why}`
      : `would end: primary ${ending.primary ?? 'none'}`;
  return [...lines, end].join('\n');
}
