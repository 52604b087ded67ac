import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RejoinPlan } from '../../src/core/rejoin/plan.ts';
import { saveRejoin } from '../../src/core/store/rejoin-plans.ts';
import type { StartDeps } from '../../src/roles/agent/deps.ts';
import { AgentStage, type AgentHost } from '../support/agent-stage.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const argv = ['systemctl', 'start', 'mysqld'];

const planOf = ({ id }: AgentHost): RejoinPlan => ({
  program: 1,
  id: `rejoin-${id}-0`,
  group: 'g1',
  host: id,
  startedAt: 0,
  inputs: { primary: '10-0-0-1', epoch: 0, own: `${uuid}:1-10`, errant: `${uuid}:8-10` },
  entries: [],
});

interface Ran {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Hosts 1 and 2, host 1 recorded, and host 2's agent with a start command; `exitCode` is what it ends with. */
async function staged(exitCode = 0) {
  const stage = await AgentStage.make(2);
  const [primary, replica] = [stage.host(1), stage.host(2)];
  const ran: Ran[] = [];
  const start: StartDeps = {
    argv,
    timeoutMs: 5000,
    commands: {
      run: (given, { env }) => {
        ran.push({ argv: given, env });
        if (exitCode === 0) stage.world.start(replica.server);
        return Promise.resolve({ exitCode, stderr: exitCode === 0 ? '' : 'Unit not found.\n' });
      },
    },
  };
  stage.record(primary);
  primary.start();
  replica.start({}, { start });
  await stage.clock.runUntil(() => primary.writable);
  await stage.clock.runFor(5000);
  return { stage, replica, ran };
}

test('a mysqld that dies while its return is under way is started by the command for it', async () => {
  const { stage, replica, ran } = await staged();
  await saveRejoin(stage.observer, planOf(replica), undefined);
  stage.world.stop(replica.server);
  await stage.clock.runFor(20_000);
  assert.deepEqual(ran, [{ argv, env: { DCMHA_HOST: '10.0.0.2', DCMHA_GROUP: 'g1' } }]);
  assert.equal((await replica.presence())?.verdict, 'up');
  await stage.end();
});

type Staged = Awaited<ReturnType<typeof staged>>;

for (const [name, situation] of [
  ['without a return', () => Promise.resolve()],
  [
    'after a return that ended with the server out',
    async ({ stage, replica }) => {
      await saveRejoin(stage.observer, { ...planOf(replica), ended: 'DDL' }, undefined);
    },
  ],
  [
    'when it is the recorded primary',
    async ({ stage, replica }) => {
      await saveRejoin(stage.observer, planOf(replica), undefined);
      stage.record(replica);
    },
  ],
  [
    'while a plan is running',
    async ({ stage, replica }) => {
      await saveRejoin(stage.observer, planOf(replica), undefined);
      stage.planBegins();
    },
  ],
  [
    'while the group is paused',
    async ({ stage, replica }) => {
      await saveRejoin(stage.observer, planOf(replica), undefined);
      stage.pause();
    },
  ],
] as const satisfies readonly (readonly [string, (staged: Staged) => Promise<void>])[]) {
  test(`a dead mysqld is left alone ${name}`, async () => {
    const made = await staged();
    const { stage, replica, ran } = made;
    stage.world.stop(replica.server);
    await situation(made);
    await stage.clock.runFor(30_000);
    assert.deepEqual(ran, []);
    await stage.end();
  });
}

test('a start command that fails is told with what it said, and tried again at growing intervals', async () => {
  const { stage, replica, ran } = await staged(5);
  await saveRejoin(stage.observer, planOf(replica), undefined);
  stage.world.stop(replica.server);
  await stage.clock.runFor(60_000);
  assert.ok(ran.length >= 3 && ran.length <= 6, `${ran.length}`);
  const told = replica.log.lines.find(({ message }) => message === 'mysqld is not started');
  assert.equal(told?.level, 'error');
  assert.match(String(told.fields['error']), /`systemctl start mysqld` ended with status 5: Unit not found/);
  await stage.end();
});

test('a mysqld that ends again while it is waited for is started again', async () => {
  const { stage, replica, ran } = await staged();
  await saveRejoin(stage.observer, planOf(replica), undefined);
  stage.world.stop(replica.server);
  await stage.clock.runUntil(() => ran.length === 1);
  stage.world.stop(replica.server);
  await stage.clock.runFor(30_000);
  assert.equal(ran.length, 2);
  assert.equal((await replica.presence())?.verdict, 'up');
  await stage.end();
});
