import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { ReadSide } from '../../support/readers.ts';
import { hostOf, startSandbox, type TestSandbox } from '../../support/sandbox.ts';

const timeoutMs = 40_000;

/** The primary and two replicas in east, one replica in west, a router in each. The tests follow each other. */
describe('readers in two data centres', () => {
  let box: TestSandbox;
  let [primary, e1, e2, w1] = ['', '', '', ''];
  /** At the router of each data centre. */
  let fromEast: ReadSide;
  let fromWest: ReadSide;

  const operator = (...args: readonly string[]) => box.operate(...args);
  const addmeta = (host: string, flag: string, value: string) =>
    operator('addmeta', '--group', 'g1', '--host', host, flag, value);
  const policy = (action: string, ...what: readonly string[]) =>
    operator('policy', action, '--group', 'g1', ...what);
  const delay = (at: string, seconds: number) =>
    box.query(
      at,
      ['STOP REPLICA SQL_THREAD', `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`, 'START REPLICA'],
      'dcmha',
    );
  /** From now on its data grows old. */
  const makeLate = async (replica: string) => {
    await delay(replica, 3600);
    await box.query(primary, 'INSERT INTO app.beats () VALUES ()', 'app');
  };
  const weightsAre = (side: ReadSide, expected: Readonly<Record<string, number>>) =>
    eventually(async () => assert.deepEqual(Object.fromEntries(await side.weights()), expected), {
      timeoutMs,
    });
  const readsGo = (side: ReadSide, ...servers: readonly string[]) =>
    eventually(async () => assert.deepEqual(await side.servers(), servers.toSorted()), {
      timeoutMs,
      everyMs: 100,
    });
  /** Replicas that status shows off the read list. */
  const off = async (...expected: readonly string[]) => {
    const { servers } = await box.groupStatus();
    const gone = servers.filter(({ reads }) => reads === 'off').map(({ host }) => host);
    assert.deepEqual(gone, expected.toSorted());
  };

  before(async () => {
    box = await startSandbox({
      hosts: 4,
      coordinators: 1,
      routers: 2,
      routerDcs: ['east', 'west'],
      settings: {
        lag: { evictMs: 1500, returnMs: 1000, holdMs: 500, maxEvicted: 0 },
        router: { weights: 'by-lag' },
        coordinator: { replicaGraceMs: 1000, tickMs: 1000 },
      },
    });
    primary = await box.untilPrimary();
    [e1 = '', e2 = '', w1 = ''] = box.group().members.filter((member) => member !== primary);
    [fromEast, fromWest] = [new ReadSide(box, 0), new ReadSide(box, 1)];
    await Promise.all([
      ...[primary, e1, e2].map((host) => addmeta(hostOf(host), '--dc', 'east')),
      addmeta(hostOf(w1), '--dc', 'west'),
      box.query(primary, 'CREATE TABLE app.beats (id INT PRIMARY KEY AUTO_INCREMENT)', 'app'),
    ]);
  });
  after(() => box[Symbol.asyncDispose]());

  it('reads stay in the data centre of their router', async () => {
    await readsGo(fromEast, e1, e2);
    await readsGo(fromWest, w1);
  });

  it('with no reader left at home they go to the other data centre, and come back', async () => {
    await box.kill('mysqld', e1);
    await box.kill('mysqld', e2);
    await readsGo(fromEast, w1);
    // The coordinator takes them off, too.
    await weightsAre(fromEast, { [w1]: 100 });
    await off(e1, e2);
    await readsGo(fromEast, w1);
    await box.start('mysqld', e1);
    await box.start('mysqld', e2);
    await readsGo(fromEast, e1, e2);
    await readsGo(fromWest, w1);
  });

  it('a group that wants its reads everywhere is heeded at once', async (t) => {
    await policy('set', 'router.reads', 'all');
    const began = performance.now();
    await readsGo(fromEast, e1, e2, w1);
    await readsGo(fromWest, e1, e2, w1);
    t.diagnostic(`seen at both routers after ${(performance.now() - began).toFixed(0)} ms`);
    await policy('unset', 'router.reads');
    await readsGo(fromEast, e1, e2);
    await readsGo(fromWest, w1);
  });

  it('a server gets the reads that its weight says', async (t) => {
    await addmeta(e1, '--weight', '150');
    await addmeta(e2, '--weight', '50');
    await weightsAre(fromEast, { [e1]: 150, [e2]: 50, [w1]: 100 });
    const met = await fromEast.arrivals(80);
    t.diagnostic(`of 80 connections: ${JSON.stringify([...met])}`);
    const many = met.get(e1) ?? 0;
    assert.ok(many >= 50 && many <= 70, `${many} of 80`);
    assert.equal(met.get(e2), 80 - many);
    await Promise.all([e1, e2].map((server) => addmeta(server, '--weight', '100')));
  });

  it('by lag, a late replica that stays gets fewer reads', async (t) => {
    await makeLate(e1);
    await weightsAre(fromEast, { [e1]: 10, [e2]: 100, [w1]: 100 });
    const met = await fromEast.arrivals(110);
    t.diagnostic(`of 110 connections: ${JSON.stringify([...met])}`);
    const few = met.get(e1) ?? 0;
    assert.ok(few >= 3 && few <= 25, `${few} of 110`);
    assert.equal(met.get(e2), 110 - few);
    await off();
  });

  it('of two late readers of a data centre one stays, though the group as a whole could spare both', async () => {
    await makeLate(e2);
    await weightsAre(fromEast, { [e1]: 10, [e2]: 10, [w1]: 100 });
    await policy('set', 'lag.maxEvicted', '70');
    await weightsAre(fromEast, { [e2]: 10, [w1]: 100 });
    await off(e1);
    await readsGo(fromEast, e2);
    await policy('set', 'lag.maxEvicted', '100');
    await weightsAre(fromEast, { [w1]: 100 });
    await readsGo(fromEast, w1);
  });

  it('the last reader stays, however late; unless the primary is to serve then', async () => {
    await makeLate(w1);
    await weightsAre(fromWest, { [w1]: 10 });
    await off(e1, e2);
    await readsGo(fromEast, w1);
    await policy('set', 'lag.lastReader', 'primary');
    await readsGo(fromEast, primary);
    await readsGo(fromWest, primary);
    await off(e1, e2, w1);
  });

  it('who is in time again is read from again', async () => {
    for (const reader of [e1, e2, w1]) await delay(reader, 0);
    await readsGo(fromEast, e1, e2);
    await readsGo(fromWest, w1);
    await off();
  });
});
