import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { abandoned } from '../../src/core/plan/plan.ts';
import { writeAck } from '../../src/core/store/acks.ts';
import { readJournal, saveJournal } from '../../src/core/store/journal.ts';
import { planOf } from '../../src/roles/coordinator/plan-runner.ts';
import { readTask } from '../../src/core/store/tasks.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { CommandRunner } from '../../src/ports/system.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

const addresses = (endpoints: readonly { host: string }[] | undefined) => endpoints?.map(({ host }) => host);

describe('a coordinator', () => {
  it('fails over when mysqld dies: most advanced replica, route, record, history', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const [one, two] = [stage.agents.host(1), stage.agents.host(2)];
    for (let n = 0; n < 5; n += 1) world.commit(one.server);
    await clock.runFor(1500);
    const committed = one.server.executed;
    world.stop(one.server);
    const tookMs = await clock.runUntil(() => stage.writable().includes(2), 10_000);
    assert.ok(tookMs < 500, `writes were open again after ${tookMs} ms of virtual time`);
    await clock.runFor(3000);
    assert.deepEqual([stage.primary(), stage.writable()], [two.id, [2]]);
    assert.ok(two.server.executed.contains(committed));
    const route = await stage.route();
    assert.deepEqual([route?.write?.host, addresses(route?.read)], ['10.0.0.2', ['10.0.0.3']]);
    const [record] = await stage.history();
    assert.deepEqual([record?.['from'], record?.['to'], record?.['lost']], [one.id, two.id, 0]);
    assert.deepEqual(stage.alertKinds(), ['failover-started event', 'failover-done event']);
    await stage.end();
  });

  it('does not elect a server that has errant transactions or is taking them back', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    await makeErrant(stage, 2);
    await clock.runFor(1000);
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(3), 10_000);
    assert.equal(stage.primary(), '10-0-0-3');
    await stage.end();
  });

  /** Its agent says that the server is errant from now on, as while it takes its own back. */
  async function makeErrant(stage: CoordinatorStage, n: number): Promise<void> {
    const { zookeeper, peers } = stage.agents;
    const host = stage.agents.host(n);
    const said = await host.presence();
    const status = await host.call('status', {});
    host.kill().expire();
    await peers.listen(host.options().control, () => Promise.resolve(status));
    const replication = { state: 'errant', source: '' };
    zookeeper.put(znodes.presence(host.id), JSON.stringify({ ...said, writable: 0, replication }));
  }

  it('begins no failover towards a server that takes its own back, so the primary opens as soon as it is back', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const [one, three] = [stage.agents.host(1), stage.agents.host(3)];
    await makeErrant(stage, 2);
    world.stop(three.server);
    await clock.runFor(2000);
    world.stop(one.server);
    await clock.runFor(20_000);
    assert.ok(stage.alertKinds().includes('failover-refused raised'));
    world.start(one.server);
    const tookMs = await clock.runUntil(() => stage.writable().includes(1), 10_000);
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    await stage.end();
  });

  for (const [back, n] of [
    ['the old primary stays the primary when it is back before any candidate', 1],
    ['a candidate that is back is promoted', 3],
  ] as const) {
    it(`is blocked while every candidate is gone, and goes on by itself: ${back}`, async () => {
      const stage = await CoordinatorStage.running();
      const { clock, world } = stage.agents;
      const servers = [1, 2, 3].map((one) => stage.agents.host(one).server);
      const journal = () => readJournal(stage.agents.observer, 'g1');
      world.stop(servers[0]!);
      await clock.runUntil(() =>
        stage.coordinators.some(({ log }) => log.lines.some(({ fields }) => fields['step'] === 'freeze')),
      );
      world.stop(servers[1]!);
      world.stop(servers[2]!);
      await clock.runFor(40_000);
      assert.ok(stage.alertKinds().includes('plan-blocked raised'), stage.alertKinds().join());
      world.start(servers[n - 1]!);
      await clock.runUntil(() => stage.writable().includes(n), 20_000);
      await clock.runFor(5000);
      assert.equal(await journal(), undefined);
      assert.equal((await stage.route())?.write?.host, `10.0.0.${n}`);
      assert.ok(stage.alertKinds().includes('plan-blocked ended'));
      await stage.end();
    });
  }

  it('only alerts when the agent alone is killed, and tells when it is back', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    const session = stage.agents.host(1).kill();
    session.expire();
    await clock.runFor(20_000);
    assert.deepEqual([stage.primary(), stage.writable()], ['10-0-0-1', [1]]);
    assert.deepEqual(stage.alertKinds(), ['heartbeat-lost raised']);
    assert.ok(stage.agents.zookeeper.node(znodes.alert('g1')) !== undefined);
    stage.agents.host(1).start();
    await clock.runFor(10_000);
    assert.deepEqual(stage.alertKinds(), ['heartbeat-lost raised', 'heartbeat-lost ended']);
    assert.equal(stage.agents.zookeeper.node(znodes.alert('g1')), undefined);
    await stage.end();
  });

  it('takes a full connection table for life', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    stage.agents.host(1).server.state = { kind: 'refusing', errno: 1040 };
    await clock.runFor(20_000);
    assert.equal(stage.primary(), '10-0-0-1');
    assert.ok(!stage.alertKinds().includes('failover-started event'));
    await stage.end();
  });

  it('leaves a paused group alone and fails over once it is not paused any more', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    stage.agents.pause();
    world.stop(stage.agents.host(1).server);
    await clock.runFor(10_000);
    assert.equal(stage.primary(), '10-0-0-1');
    assert.deepEqual(stage.alertKinds(), ['failover-refused raised']);
    await stage.agents.observer.remove(znodes.white('g1'));
    await clock.runUntil(() => stage.primary() === '10-0-0-2', 5000);
    await stage.end();
  });

  it('fails over once when two coordinators see the same death', async () => {
    const stage = await CoordinatorStage.running(2);
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(10_000);
    assert.equal(stage.agents.epoch(), 1);
    assert.equal((await stage.history()).length, 1);
    assert.equal(stage.alertKinds().filter((kind) => kind === 'failover-done event').length, 1);
    await stage.end();
  });

  it('leaves the group to the other coordinator when it does not see most of it itself', async () => {
    const stage = await CoordinatorStage.running(2);
    const { clock, world, peers } = stage.agents;
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
      world.cut('c1', host);
      peers.cut('c1', host);
    }
    world.stop(stage.agents.host(1).server);
    const tookMs = await clock.runUntil(() => stage.writable().includes(2), 10_000);
    assert.ok(tookMs < 1500, `writes were open again after ${tookMs} ms of virtual time`);
    await clock.runFor(3000);
    assert.deepEqual(new Set((await stage.history()).map(({ startedBy }) => startedBy)), new Set(['c2']));
    const [told] = stage.coordinator(1).alerts;
    assert.deepEqual([told?.kind, told?.host, told?.state], ['coordinator-blind', 'c1', 'raised']);
    await stage.end();
  });

  it('hands a plan over that it began before its network failed', async () => {
    const stage = await CoordinatorStage.running(1);
    const { clock, world, peers, observer } = stage.agents;
    const cut = (): void => {
      for (const host of ['10.0.0.2', '10.0.0.3']) {
        world.cut('c1', host);
        peers.cut('c1', host);
      }
    };
    observer.watchData(znodes.journal('g1'), cut, new AbortController().signal);
    world.stop(stage.agents.host(1).server);
    await clock.runFor(2000);
    stage.add('c2');
    await clock.runUntil(() => stage.primary() === '10-0-0-2', 20_000);
    await clock.runFor(5000);
    const [record] = await stage.history();
    assert.deepEqual([record?.['startedBy'], record?.['result']], ['c1', 'done']);
    assert.ok(JSON.stringify(record?.['steps']).includes('"by":"c2"'));
    const told = stage.alertKinds();
    assert.ok(told.includes('coordinator-blind raised') && !told.includes('plan-blocked raised'));
    await stage.end();
  });

  it('does not fail over a second time within the cooldown, and says so', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(10_000);
    world.stop(stage.agents.host(2).server);
    await clock.runFor(10_000);
    assert.equal(stage.primary(), '10-0-0-2');
    assert.ok(stage.alertKinds().includes('failover-refused raised'));
    await clock.runFor(600_000);
    assert.equal(stage.primary(), '10-0-0-3');
    await stage.end();
  });

  it('fails over again within the cooldown as soon as an operator has acknowledged the first', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world, observer } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runFor(10_000);
    world.stop(stage.agents.host(2).server);
    await clock.runFor(10_000);
    assert.equal(stage.primary(), '10-0-0-2');
    await writeAck(observer, 'g1', { epoch: stage.agents.epoch(), by: 'dba', at: 0, why: 'known' });
    const tookMs = await clock.runUntil(() => stage.writable().includes(3), 10_000);
    assert.ok(tookMs < 1000, `${tookMs} ms`);
    await stage.end();
  });

  it('loses nothing when an operator moves a healthy primary', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const one = stage.agents.host(1).server;
    for (let n = 0; n < 5; n += 1) world.commit(one);
    const committed = one.executed;
    const task = await stage.order({ kind: 'failover', group: 'g1', host: '10-0-0-3', by: 'dba', at: 0 });
    await clock.runFor(8000);
    assert.deepEqual([stage.primary(), stage.writable()], ['10-0-0-3', [3]]);
    assert.ok(stage.agents.host(3).server.executed.contains(committed));
    assert.equal(one.channels.get('')?.source.host, '10.0.0.3');
    assert.deepEqual(addresses((await stage.route())?.read), ['10.0.0.2', '10.0.0.1']);
    const entry = await readTask(stage.agents.observer, task);
    assert.equal(entry?.kind === 'task' && entry.task.state, 'done');
    await stage.end();
  });

  it('takes an operator at his word about a primary made by hand, and keeps the former one closed', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    await stage.order({
      kind: 'white',
      group: 'g1',
      host: '10-0-0-2',
      reroute: true,
      force: true,
      by: 'dba',
      at: 0,
    });
    await clock.runFor(15_000);
    assert.deepEqual([stage.primary(), stage.writable(), stage.agents.epoch()], ['10-0-0-2', [2], 1]);
    const route = await stage.route();
    assert.deepEqual([route?.write?.host, addresses(route?.read)], ['10.0.0.2', ['10.0.0.3', '10.0.0.1']]);
    assert.deepEqual(
      (await stage.history()).map(({ kind }) => kind),
      ['white'],
    );
    await stage.end();
  });

  it('records no primary by hand while the former one may still be writing', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, peers } = stage.agents;
    const one = stage.agents.host(1);
    const session = one.kill();
    one.server.state = { kind: 'unreachable' };
    for (const other of ['c1', '10.0.0.2', '10.0.0.3']) peers.cut('10.0.0.1', other);
    stage.agents.pause();
    const white = { kind: 'white', group: 'g1', host: '10-0-0-2', by: 'dba', at: 0 } as const;
    await stage.order({ ...white, reroute: true, force: true });
    await clock.runFor(6000);
    assert.equal(stage.primary(), '10-0-0-1', 'its lease may still run');
    session.expire();
    await clock.runFor(15_000);
    assert.deepEqual([stage.primary(), stage.writable().includes(2)], ['10-0-0-2', true]);
    const [record] = await stage.history();
    assert.deepEqual([record?.kind, record?.['evidence']], ['white', 'leases']);
    await stage.end();
  });

  it('goes on with the other work when a node cannot be read, and tells of it', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world, zookeeper } = stage.agents;
    const good = zookeeper.node(znodes.route('g1'))?.data.toString('utf8') ?? '';
    zookeeper.put(znodes.route('g1'), "__import__('os')");
    zookeeper.put(znodes.task('task9'), '{half');
    await clock.runFor(3000);
    assert.deepEqual(stage.alertKinds(), ['malformed-data raised']);
    zookeeper.put(znodes.route('g1'), good);
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.primary() === '10-0-0-2', 10_000);
    await stage.end();
  });

  it('takes a dead replica off the read list and puts it back when it replicates again', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(3).server);
    await clock.runFor(8000);
    assert.deepEqual(addresses((await stage.route())?.read), ['10.0.0.2']);
    world.start(stage.agents.host(3).server);
    await clock.runFor(15_000);
    assert.deepEqual(addresses((await stage.route())?.read), ['10.0.0.2', '10.0.0.3']);
    assert.deepEqual(stage.alertKinds(), ['replica-lost raised', 'replica-lost ended']);
    await stage.end();
  });

  it('blocks when more would be lost than is allowed, leaves it to the operator, and undoes what it began', async () => {
    const stage = await CoordinatorStage.running(2, { maxLoss: 0 });
    const { clock, world, zookeeper, observer } = stage.agents;
    const one = stage.agents.host(1).server;
    for (const host of ['10.0.0.2', '10.0.0.3']) world.cut('10.0.0.1', host);
    for (let n = 0; n < 5; n += 1) world.commit(one);
    await clock.runFor(3000);
    world.stop(one);
    await clock.runFor(10_000);
    assert.equal(stage.primary(), '10-0-0-1');
    const version = zookeeper.node(znodes.journal('g1'))?.version;
    await clock.runFor(20_000);
    assert.equal(zookeeper.node(znodes.journal('g1'))?.version, version, 'nobody touches a blocked plan');
    assert.deepEqual(
      stage.alertKinds().filter((kind) => kind.startsWith('plan-blocked')),
      ['plan-blocked raised'],
    );
    for (const host of ['10.0.0.2', '10.0.0.3']) world.heal('10.0.0.1', host);
    world.start(one);
    const state = await readJournal(observer, 'g1');
    assert.ok(state?.kind === 'running');
    const plan = abandoned(planOf(state.journal), 'dba');
    await saveJournal(observer, { ...plan, by: 'dba' }, state.version);
    await clock.runFor(15_000);
    assert.deepEqual([stage.primary(), stage.agents.epoch(), stage.writable()], ['10-0-0-1', 1, [1]]);
    assert.equal((await stage.route())?.write?.host, '10.0.0.1');
    assert.ok(stage.agents.host(3).server.executed.contains(one.executed), 'replicas receive again');
    assert.deepEqual(
      (await stage.history()).map(({ result }) => result),
      ['abandoned'],
    );
    await stage.end();
  });

  for (const [exitCode, evidence] of [
    [0, 'command: power-off ended with 0'],
    [1, undefined],
    [undefined, undefined],
  ] as const) {
    it(`asks the fencing command where no other evidence is to be had: it ${exitCode === undefined ? 'does not end' : `ends with ${exitCode}`}`, async () => {
      const stage = await CoordinatorStage.running(0);
      const asked: unknown[] = [];
      const commands: CommandRunner = {
        run: (argv, { env }) => {
          asked.push([argv, env]);
          return Promise.resolve({ exitCode, stderr: 'no such outlet' });
        },
      };
      const fenceCommand = { commands, argv: ['power-off', '--now'], timeoutMs: 5000 };
      const { log } = stage.add('c1', {}, fenceCommand);
      const { clock, peers } = stage.agents;
      const one = stage.agents.host(1);
      stage.hangRouter();
      const session = one.kill();
      one.server.state = { kind: 'unreachable' };
      for (const other of ['c1', '10.0.0.2', '10.0.0.3']) peers.cut('10.0.0.1', other);
      session.expire();
      await clock.runFor(15_000);
      const [argv, env] = [fenceCommand.argv, { DCMHA_GROUP: 'g1', DCMHA_HOST: '10-0-0-1' }];
      assert.deepEqual(asked[0], [argv, { ...env, DCMHA_SERVER: '10.0.0.1:3306', DCMHA_EPOCH: '0' }]);
      assert.equal(stage.primary(), evidence === undefined ? '10-0-0-1' : '10-0-0-2');
      const [record] = await stage.history();
      assert.equal(record?.['evidence'], evidence);
      const told = log.lines.some(({ fields }) => /power-off.*no such outlet/.test(String(fields['why'])));
      assert.equal(told, evidence === undefined);
      await stage.end();
    });
  }

  it('waits for the leases when the whole host is gone', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world, peers } = stage.agents;
    const one = stage.agents.host(1);
    const session = one.kill();
    one.server.state = { kind: 'unreachable' };
    for (const other of ['c1', '10.0.0.2', '10.0.0.3']) peers.cut('10.0.0.1', other);
    await clock.runFor(6000);
    assert.equal(stage.primary(), '10-0-0-1', 'its session still stands');
    session.expire();
    await clock.runFor(15_000);
    assert.equal(stage.primary(), '10-0-0-2');
    const [record] = await stage.history();
    assert.equal(record?.['evidence'], 'leases');
    world.settle();
    await stage.end();
  });
});
