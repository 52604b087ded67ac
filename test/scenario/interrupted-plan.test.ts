import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initTree } from '../../src/core/store/init-tree.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { PlanHold, underHold } from '../../src/roles/coordinator/plan-hold.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';
import { FakeZookeeper } from '../support/fake-coordination.ts';
import { FakeMysqlWorld } from '../support/fake-mysql.ts';
import { FakePeerNetwork } from '../support/fake-peers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const server = { host: '10.0.0.2', port: 3306 };

/** A coordinator that has just written the journal of `g1`, which has version 0, and its hold of the plan. */
async function holdOfPlan() {
  const clock = new VirtualClock();
  const zookeeper = new FakeZookeeper();
  const coordination = zookeeper.connect({ sessionTimeoutMs: 6000 });
  await initTree(coordination);
  zookeeper.put(znodes.journal('g1'), 'a plan');
  const world = new FakeMysqlWorld(clock);
  const replica = world.add({ endpoint: server, serverId: 2 });
  const hold = new PlanHold({ coordination, clock }, 'g1', { version: 0, sentAt: 0 });
  const ports = { coordination, mysql: world.from('c1'), peers: new FakePeerNetwork(clock).from('c1') };
  const stopReceiver = () =>
    clock.runThrough(underHold(ports, hold).mysql.stopReceiver(server, '', { timeoutMs: 1000 }));
  return { clock, zookeeper, coordination, replica, hold, stopReceiver };
}

describe('a coordinator that was stopped in the middle of a step', () => {
  it('does nothing more when somebody else has taken the plan over', async () => {
    const { clock, zookeeper, replica, stopReceiver } = await holdOfPlan();
    zookeeper.put(znodes.journal('g1'), 'taken over');
    await clock.runFor(3000);
    await assert.rejects(stopReceiver(), { code: 'LOCK_LOST' });
    assert.deepEqual(replica.calls, []);
  });

  it('goes on when the plan still is its own', async () => {
    const { clock, replica, stopReceiver } = await holdOfPlan();
    await clock.runFor(3000);
    await stopReceiver();
    assert.deepEqual(replica.calls, ['stopReceiver']);
  });

  it('waits for the end of its own write to the journal, whatever that says', async () => {
    const { clock, zookeeper, hold } = await holdOfPlan();
    await clock.runFor(3000);
    let answer: (version: number) => void = () => undefined;
    const saved = hold.save(() => new Promise((resolve) => (answer = resolve)));
    zookeeper.put(znodes.journal('g1'), 'the next step');
    let isHeld = false;
    const required = hold.require().then(() => (isHeld = true));
    await clock.runFor(100);
    assert.equal(isHeld, false);
    answer(1);
    await Promise.all([saved, required]);
  });

  it('asks in a new session: the old one may have ended before its time, and the lock with it', async () => {
    const { zookeeper, coordination, replica, stopReceiver } = await holdOfPlan();
    zookeeper.put(znodes.journal('g1'), 'taken over');
    coordination.expire();
    coordination.reconnect();
    await assert.rejects(stopReceiver(), { code: 'LOCK_LOST' });
    assert.deepEqual(replica.calls, []);
  });

  it('asks nobody while nobody can have taken it over', async () => {
    const { clock, zookeeper, replica, stopReceiver } = await holdOfPlan();
    zookeeper.put(znodes.journal('g1'), 'not looked at yet');
    await clock.runFor(2900);
    await stopReceiver();
    assert.deepEqual(replica.calls, ['stopReceiver']);
  });
});

describe('an ordered switchover', () => {
  it('is done once, though the coordinator that began it dies before it says so', async () => {
    const stage = await CoordinatorStage.running(2);
    const { clock } = stage.agents;
    const two = stage.agents.host(2);
    await stage.order({ kind: 'failover', group: 'g1', by: 'test', at: 1 });
    await clock.runUntil(() => two.writable);
    const runner = stage.coordinators.find(({ log }) =>
      log.lines.some(({ message, fields }) => message === 'step started' && fields['step'] === 'promote'),
    );
    assert.ok(runner !== undefined);
    runner.kill();
    runner.coordination.expire();
    await clock.runFor(30_000);
    assert.deepEqual(stage.writable(), [2]);
    assert.equal((await stage.history()).length, 1);
    await stage.end();
  });
});

describe('a reader whose agent was away during a failover', () => {
  it('is read from again when it replicates', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const [one, three] = [stage.agents.host(1), stage.agents.host(3)];
    three.kill().expire();
    world.stop(one.server);
    await clock.runUntil(() => stage.agents.host(2).writable);
    three.start();
    await clock.runFor(15_000);
    assert.deepEqual(
      (await stage.route())?.read.map(({ host }) => host),
      ['10.0.0.3'],
    );
    await stage.end();
  });
});

describe('a replica that the last plan could not take from its source', () => {
  it('receives nothing from there in the next one: that server may be back with what was given up', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    const [two, three] = [stage.agents.host(2).server, stage.agents.host(3).server];
    const channel = three.channels.get('');
    assert.ok(channel !== undefined);
    channel.source = two.endpoint;
    channel.receiverOn = channel.attached = false;
    const before = three.calls.length;
    await stage.order({ kind: 'failover', group: 'g1', host: '10-0-0-3', by: 'test', at: 1 });
    await clock.runUntil(() => stage.log('step ended').includes('freeze'), 10_000);
    assert.ok(!three.calls.slice(before).includes('startReplication'));
    await stage.end();
  });
});
