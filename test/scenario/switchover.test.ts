import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { usualTerms, type SwitchoverTerms } from '../../src/core/plan/switchover-terms.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { readTask, type Task } from '../../src/core/store/tasks.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';
import { noSemiSync } from '../support/usual-policies.ts';

const order = (terms: Partial<SwitchoverTerms> = {}, to?: string) =>
  ({
    kind: 'switchover',
    group: 'g1',
    by: 'dba',
    at: 0,
    terms: { ...usualTerms, ...terms },
    ...(to === undefined ? {} : { host: to }),
  }) as const;

async function taskOf(stage: CoordinatorStage, name: string): Promise<Task> {
  const entry = await readTask(stage.agents.observer, name);
  assert.equal(entry?.kind, 'task');
  return entry.task;
}

const hosts = (endpoints: readonly { host: string }[] | undefined) => endpoints?.map(({ host }) => host);

/** Runs until clients are made to wait. */
function held(stage: CoordinatorStage): Promise<number> {
  return stage.agents.clock.runUntil(() => stage.log('step ended').includes('hold-route'), 20_000);
}

describe('a switchover', () => {
  it('moves the primary while clients wait, and the old one becomes a reader', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    world.commit(stage.agents.host(1).server);
    const task = await stage.order(order());
    await clock.runFor(15_000);
    assert.deepEqual([stage.primary(), stage.writable()], ['10-0-0-2', [2]]);
    const route = await stage.route();
    assert.deepEqual(
      [route?.write?.host, route?.holdMs, hosts(route?.read)?.toSorted()],
      ['10.0.0.2', undefined, ['10.0.0.1', '10.0.0.3']],
    );
    assert.match(
      (await taskOf(stage, task)).message ?? '',
      /^done: primary 10-0-0-2, clients waited \d+ ms$/,
    );
    const [record] = await stage.history();
    assert.deepEqual(
      [record?.kind, record?.['from'], record?.['to'], record?.['result']],
      ['switchover', '10-0-0-1', '10-0-0-2', 'done'],
    );
    assert.deepEqual(stage.alertKinds(), []);
    // The plan has done that already.
    assert.ok(
      stage.agents.host(2).log.lines.every(({ message }) => !message.includes('forgets its channel')),
    );
    await stage.end();
  });

  it('lets clients end what they do before it fences, once they wait', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    const three = stage.agents.host(3).server;
    const before = three.calls.length;
    await stage.order(order());
    await clock.runFor(10_000);
    const [one, two] = [stage.agents.host(1).server, stage.agents.host(2).server];
    const last = one.calls.slice(one.calls.indexOf('drain'));
    assert.deepEqual(last.slice(0, 2), ['drain', 'fence']);
    assert.ok(two.calls.includes('openWrites'));
    // The third server went on receiving until it was pointed at the new primary.
    assert.equal(three.calls[before], 'follow 10.0.0.2:3306');
    await stage.end();
  });

  it('has replicas that commits wait for follow the new primary before clients go on, once', async () => {
    const semiSync = { ...noSemiSync, mode: 'required' } as const;
    const stage = await CoordinatorStage.running(1, { semiSync });
    const { clock } = stage.agents;
    const three = stage.agents.host(3).server;
    const before = three.calls.length;
    await stage.order(order({}, '10-0-0-2'));
    await clock.runUntil(() => stage.log('step ended').includes('publish-route'), 20_000);
    assert.deepEqual(three.calls.slice(before), ['follow 10.0.0.2:3306']);
    await clock.runFor(15_000);
    assert.deepEqual(three.calls.slice(before), ['follow 10.0.0.2:3306']);
    const [record] = await stage.history();
    assert.equal(record?.['result'], 'done');
    await stage.end();
  });

  it('leads the routers to the new primary before it is open, their clients still held', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    await stage.order(order({}, '10-0-0-2'));
    const published = () => stage.agents.zookeeper.node(znodes.route('g1'))?.data.toString('utf8') ?? '';
    await clock.runUntil(() => /write.*10\.0\.0\.2/.test(published()), 20_000);
    assert.ok(published().includes('hold'), published());
    assert.ok(!stage.log('step ended').includes('open-writes'));
    await clock.runFor(15_000);
    const after = await stage.route();
    assert.deepEqual([after?.write?.host, after?.holdMs], ['10.0.0.2', undefined]);
    await stage.end();
  });

  const noes: readonly (readonly [
    string,
    (stage: CoordinatorStage) => void,
    RegExp,
    Partial<SwitchoverTerms>?,
  ])[] = [
    [
      'the candidates do not replicate',
      (stage) => {
        for (const n of [2, 3]) stage.agents.host(n).server.channels.clear();
      },
      /does not replicate from the primary/,
    ],
    [
      'a long transaction is open and is not to be waited for',
      (stage) => {
        stage.agents.host(1).server.transactions = [{ session: 7, user: 'batch', seconds: 90 }];
      },
      /session 7 of batch for 90 s/,
      { transactions: 'abort' },
    ],
    [
      'a long transaction does not end in time',
      (stage) => {
        stage.agents.host(1).server.transactions = [{ session: 7, user: 'batch', seconds: 90 }];
      },
      /still open at 10-0-0-1: session 7 of batch/,
      { waitMs: 1000 },
    ],
    [
      'no candidate keeps a binlog',
      (stage) => {
        for (const n of [2, 3]) stage.agents.host(n).server.logsReplicated = false;
      },
      /keeps no binlog/,
    ],
    [
      'privileges are missing',
      (stage) => {
        stage.agents.host(1).server.missingGrants = ['CONNECTION_ADMIN'];
      },
      /lacks CONNECTION_ADMIN/,
    ],
    [
      'a router has not the present route',
      (stage) => {
        stage.hangRouter();
        const route = { read: ['10.0.0.2:3306'], write: '10.0.0.1:3306' };
        stage.agents.zookeeper.put(znodes.route('g1'), JSON.stringify(route));
      },
      /router 10\.0\.0\.51:7072 does not have the present route/,
    ],
  ];
  for (const [name, make, why, terms] of noes) {
    it(`is refused, and nothing is changed, when ${name}`, async () => {
      const stage = await CoordinatorStage.running();
      const { clock } = stage.agents;
      make(stage);
      const task = await stage.order(order(terms, name.startsWith('no candidate') ? undefined : '10-0-0-2'));
      await clock.runUntil(() => stage.log('plan ended').length > 0, 60_000);
      await clock.runFor(1000);
      const { state, message } = await taskOf(stage, task);
      assert.equal(state, 'failed');
      assert.match(message ?? '', /^refused, nothing was changed: /);
      assert.match(message ?? '', why);
      assert.deepEqual([stage.primary(), stage.agents.epoch(), stage.writable()], ['10-0-0-1', 0, [1]]);
      assert.equal((await stage.route())?.holdMs, undefined);
      await stage.end();
    });
  }

  it('takes everything back when a router does not say that its clients wait', async () => {
    const stage = await CoordinatorStage.running();
    const { clock } = stage.agents;
    stage.hangRouter();
    const task = await stage.order(order({ maxPauseMs: 500 }));
    await clock.runFor(20_000);
    assert.match((await taskOf(stage, task)).message ?? '', /^undone, .*: hold-route: routers do not say/);
    // Nothing was fenced, so it is the same epoch still.
    assert.deepEqual([stage.primary(), stage.agents.epoch(), stage.writable()], ['10-0-0-1', 0, [1]]);
    assert.equal((await stage.route())?.holdMs, undefined);
    await stage.end();
  });

  it('takes everything back when the candidate dies while clients wait', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const task = await stage.order(order({}, '10-0-0-2'));
    await held(stage);
    world.stop(stage.agents.host(2).server);
    await clock.runFor(30_000);
    assert.match((await taskOf(stage, task)).message ?? '', /^undone, the primary is 10-0-0-1: promote: /);
    assert.deepEqual([stage.primary(), stage.writable()], ['10-0-0-1', [1]]);
    const route = await stage.route();
    assert.deepEqual([route?.write?.host, route?.holdMs], ['10.0.0.1', undefined]);
    assert.ok(stage.alertKinds().includes('switchover-undone event'));
    await stage.end();
  });

  it('takes everything back when the candidate is too slow, and it replicates again', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const [one, two] = [stage.agents.host(1).server, stage.agents.host(2).server];
    const task = await stage.order(order({ maxPauseMs: 500 }, '10-0-0-2'));
    await clock.runUntil(() => stage.log('step ended').includes('prewarm'), 20_000);
    two.applyDelayMs = 3000;
    world.commit(one);
    await clock.runFor(30_000);
    assert.match((await taskOf(stage, task)).message ?? '', /^undone, .*promote: 10-0-0-2 has not applied/);
    assert.deepEqual([stage.primary(), stage.writable()], ['10-0-0-1', [1]]);
    world.settle();
    assert.ok(two.executed.equals(one.executed));
    await stage.end();
  });

  it('leaves it to the failover when the primary dies in the middle', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    await stage.order(order({}, '10-0-0-2'));
    await held(stage);
    world.stop(stage.agents.host(1).server);
    await clock.runFor(60_000);
    assert.equal(stage.writable().length, 1);
    assert.notEqual(stage.primary(), '10-0-0-1');
    assert.notEqual((await stage.route())?.write, undefined);
    await stage.end();
  });

  const steps = [
    'preflight',
    'prewarm',
    'hold-route',
    'fence',
    'promote',
    'record-primary',
    'open-writes',
    'publish-route',
    'repoint',
    'channels',
    'confirm-route',
  ];
  for (const at of steps) {
    it(`ends well when its coordinator is killed after ${at}`, async () => {
      const stage = await CoordinatorStage.running(2);
      const { clock, world } = stage.agents;
      world.commit(stage.agents.host(1).server);
      await stage.order(order());
      await clock.runUntil(() => stage.log('step ended').includes(at), 20_000);
      const runner = stage.coordinators.find(({ log }) =>
        log.lines.some(({ message }) => message === 'step ended'),
      );
      assert.ok(runner !== undefined);
      runner.kill();
      runner.coordination.expire();
      await clock.runFor(60_000);
      const primary = stage.writable();
      assert.equal(primary.length, 1, `writable: ${primary.join(',')}`);
      const route = await stage.route();
      assert.deepEqual([route?.write?.host, route?.holdMs], [`10.0.0.${primary[0]}`, undefined]);
      assert.equal(stage.primary(), `10-0-0-${primary[0]}`);
      assert.equal((await stage.history()).length, 1);
      assert.equal(stage.agents.host(primary[0] ?? 0).server.channels.size, 0, 'the primary follows nobody');
      const sets = stage.agents.hosts.map(({ server }) => server.executed);
      world.settle();
      for (const set of sets) assert.ok(set.equals(stage.agents.host(primary[0] ?? 0).server.executed));
      await stage.end();
    });
  }
});
