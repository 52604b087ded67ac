import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPause } from '../../src/core/store/pauses.ts';
import { readTask } from '../../src/core/store/tasks.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { FakeServer } from '../support/fake-mysql-server.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

const source = { host: '10.0.0.2', port: 3306 };

function pauseFor(stage: CoordinatorStage, ms: number | undefined, path = znodes.white('g1')): void {
  const at = stage.agents.clock.now();
  const pause = { by: 'dba', why: 'disks', at, ...(ms === undefined ? {} : { until: at + ms }) };
  stage.agents.zookeeper.put(path, JSON.stringify(pause));
}

/** What an operator types at two servers: host 2 takes over from host 1. */
async function moveByHand(stage: CoordinatorStage): Promise<void> {
  const { clock, world } = stage.agents;
  const mysql = world.from('dba');
  const options = { timeoutMs: 1000 };
  const [one, two, three] = stage.agents.hosts.map(({ server }) => server) as [
    FakeServer,
    FakeServer,
    FakeServer,
  ];
  await clock.runThrough(mysql.fence(one.endpoint, options));
  await clock.runFor(500);
  await clock.runThrough(mysql.resetReplication(two.endpoint, '', options));
  await clock.runThrough(mysql.openWrites(two.endpoint, options));
  for (const replica of [one, three])
    await clock.runThrough(mysql.follow(replica.endpoint, { source, channel: '' }, options));
}

const white = { kind: 'white', group: 'g1', host: '10-0-0-2', reroute: true, by: 'dba', at: 0 } as const;

async function outcome(stage: CoordinatorStage, task: string): Promise<[string, string]> {
  const entry = await readTask(stage.agents.observer, task);
  if (entry?.kind !== 'task') throw new Error(`${task} is ${entry?.kind ?? 'gone'}`);
  return [entry.task.state, entry.task.message ?? ''];
}

describe('manual work on a paused group', () => {
  it('is left alone until the task says what was done, then it is as the operator made it', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    pauseFor(stage, undefined);
    await clock.runFor(1000);
    await moveByHand(stage);
    await clock.runFor(20_000);
    assert.deepEqual([stage.writable(), stage.primary()], [[2], '10-0-0-1'], 'nobody fights the operator');
    const task = await stage.order({ ...white, force: false });
    await clock.runFor(15_000);
    assert.deepEqual(await outcome(stage, task), [
      'done',
      '10-0-0-2 is recorded as the primary, epoch 1, and routed',
    ]);
    assert.deepEqual(
      [stage.writable(), stage.primary()],
      [[2], '10-0-0-2'],
      'its lease is taken, also in a pause',
    );
    await stage.agents.observer.remove(znodes.white('g1'));
    await clock.runFor(20_000);
    assert.deepEqual([stage.writable(), (await stage.route())?.write?.host], [[2], '10.0.0.2']);
    const watermark = stage.agents.zookeeper.node(znodes.watermark('g1'))?.data.toString() ?? '';
    assert.match(watermark, /"epoch":1/, 'the former one has stopped writing its own');
    await stage.end();
  });

  it('is not recorded while it is not done, and the refusal says what is missing', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    pauseFor(stage, undefined);
    await clock.runFor(1000);
    const early = await stage.order({ ...white, force: false });
    await clock.runFor(3000);
    assert.match(
      (await outcome(stage, early)).join(': '),
      /^failed: nothing is recorded: 10-0-0-2 is read-only/,
    );
    await clock.runThrough(world.from('dba').openWrites(source, { timeoutMs: 1000 }));
    const two = await stage.order({ ...white, force: false });
    await clock.runFor(3000);
    assert.match(
      (await outcome(stage, two))[1],
      /10-0-0-2 still replicates from .*; 10-0-0-1 is writable, too/,
    );
    assert.deepEqual([stage.agents.epoch(), stage.primary()], [0, '10-0-0-1']);
    assert.ok(stage.alertKinds().includes('two-primaries raised'), 'alerts go on');
    const forced = await stage.order({ ...white, force: true });
    await clock.runFor(15_000);
    assert.match(
      (await outcome(stage, forced))[1],
      /recorded as the primary.*; though 10-0-0-2 still replicates/,
    );
    assert.deepEqual(stage.writable(), [2], 'what the former primary opened itself, its agent closes');
    assert.match(JSON.stringify((await stage.history())[0]), /"skipped":\["10-0-0-2 still replicates/);
    await stage.end();
  });

  it('ends with the pause: what is writable and not recorded is closed, and was told of before', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    pauseFor(stage, 40_000);
    await clock.runFor(1000);
    await clock.runThrough(world.from('dba').openWrites(source, { timeoutMs: 1000 }));
    await clock.runFor(25_000);
    assert.deepEqual(stage.writable(), [1, 2]);
    assert.ok(!stage.alertKinds().includes('pause-ending raised'));
    await clock.runFor(6000);
    const told = stage.coordinator(1).alerts.find(({ kind }) => kind === 'pause-ending');
    assert.match(told?.text ?? '', /dcmha setwhite --group g1 --for 1h.*10\.0\.0\.2:3306 is writable/);
    const tookMs = await clock.runUntil(() => stage.writable().join() === '1', 12_000);
    assert.ok(tookMs < 9500, `closed ${tookMs} ms later`);
    await clock.runFor(3000);
    assert.equal(await readPause(stage.agents.observer, 'g1'), undefined);
    assert.ok(stage.alertKinds().includes('pause-ending ended'));
    await stage.end();
  });

  it('fails over by itself once a pause with an end is over', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    pauseFor(stage, 20_000);
    await clock.runFor(1000);
    world.stop(stage.agents.host(1).server);
    await clock.runFor(15_000);
    assert.equal(stage.primary(), '10-0-0-1');
    await clock.runUntil(() => stage.writable().includes(2), 8000);
    await stage.end();
  });
});

describe('a paused host', () => {
  const rest = (stage: CoordinatorStage, n: number) =>
    pauseFor(stage, undefined, znodes.hostWhite(stage.agents.host(n).id));

  it('is neither elected, repointed nor taken off the read list, and follows once it is not paused', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    rest(stage, 2);
    await clock.runFor(1000);
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(3), 10_000);
    await clock.runFor(20_000);
    const [two] = [stage.agents.host(2).server];
    assert.equal(two.channels.get('')?.source.host, '10.0.0.1');
    assert.deepEqual(
      (await stage.route())?.read.map(({ host }) => host),
      ['10.0.0.2'],
    );
    assert.deepEqual(stage.alertKinds(), ['failover-started event', 'failover-done event']);
    await stage.agents.observer.remove(znodes.hostWhite('10-0-0-2'));
    await clock.runFor(10_000);
    assert.equal(two.channels.get('')?.source.host, '10.0.0.3');
    await stage.end();
  });

  it('may go down without an alert', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    rest(stage, 2);
    world.stop(stage.agents.host(2).server);
    await clock.runFor(20_000);
    assert.deepEqual(stage.alertKinds(), []);
    assert.equal((await stage.route())?.read.length, 2);
    await stage.end();
  });

  it('keeps its role of primary: its agent may be away unnoticed, its death is told of, nothing is moved', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    rest(stage, 1);
    await clock.runFor(1000);
    stage.agents.host(1).kill().expire();
    await clock.runFor(15_000);
    assert.deepEqual(stage.alertKinds(), []);
    stage.agents.host(1).start();
    await clock.runFor(5000);
    world.stop(stage.agents.host(1).server);
    await clock.runFor(15_000);
    assert.equal(stage.primary(), '10-0-0-1');
    const [alert] = stage.coordinator(1).alerts;
    assert.match(
      alert?.text ?? '',
      /no failover \(paused\): 10-0-0-1 is paused: dcmha unsetwhite --group g1 --host 10-0-0-1/,
    );
    await stage.agents.observer.remove(znodes.hostWhite('10-0-0-1'));
    await clock.runUntil(() => stage.writable().includes(2), 8000);
    await stage.end();
  });

  it('is not made the primary by an order that names it', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    rest(stage, 2);
    await clock.runFor(1000);
    const task = await stage.order({ kind: 'failover', group: 'g1', host: '10-0-0-2', by: 'dba', at: 0 });
    await clock.runFor(5000);
    assert.deepEqual(await outcome(stage, task), [
      'failed',
      '10-0-0-2 is paused: dcmha unsetwhite --group g1 --host 10-0-0-2',
    ]);
    assert.deepEqual(stage.writable(), [1]);
    await stage.end();
  });
});
