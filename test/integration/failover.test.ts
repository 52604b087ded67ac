import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createConnection, type Connection } from 'mysql2/promise';
import { readSecret } from '../../src/sandbox/connect.ts';
import { parseEndpoint } from '../../src/core/model/endpoint.ts';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

/** Tests of one file share a sandbox and come one after the other; each leaves the group whole. */
describe('a group of three real servers', () => {
  let sandbox: TestSandbox;

  before(async () => {
    sandbox = await startSandbox({ hosts: 3, coordinators: 2, routers: 1 });
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  const dcmha = (...args: readonly string[]) => sandbox.operate(...args);

  const group = () => sandbox.groupStatus();

  const history = () => sandbox.history();

  /** Both replicas follow the primary and are read from. */
  async function whole(): Promise<void> {
    await eventually(
      async () => {
        const { servers, alerts } = await group();
        const replicas = servers.filter(({ role }) => role === 'replica');
        assert.deepEqual(
          replicas.map(({ reads, replication }) => [reads, replication.split(',')[0]]),
          [
            ['yes', 'replicating'],
            ['yes', 'replicating'],
          ],
        );
        assert.deepEqual(alerts, []);
      },
      { timeoutMs: 60_000, everyMs: 300 },
    );
  }

  it('survives kill -9 of its primary: nothing acknowledged is lost, one failover, routes right, the old one returns', async () => {
    await whole();
    const old = await sandbox.untilPrimary();
    const { epoch } = await group();
    await using writer = await sandbox.writer({ table: 'killed' });
    await eventually(() => writer.progress().acknowledged > 200, { timeoutMs: 20_000 });
    await sandbox.kill('mysqld', old);
    const primary = await sandbox.untilPrimary({ not: old });
    const enough = writer.progress().acknowledged + 200;
    await eventually(() => writer.progress().acknowledged > enough, { timeoutMs: 20_000 });
    const report = await writer.stop();
    const rows = await sandbox.check(primary, report);
    assert.deepEqual(rows.lost, []);
    assert.equal((await group()).epoch, epoch + 1);
    assert.equal(
      (await history()).filter(
        ({ kind, from }) => kind === 'failover' && from === hostOf(old).replaceAll('.', '-'),
      ).length,
      1,
    );
    await sandbox.start('mysqld', old);
    await whole();
    await dcmha('setha', '--group', 'g1', '--host', old);
    const [state] = await sandbox.query(old, 'SELECT @@super_read_only AS ro');
    assert.equal(state?.['ro'], 1);
  });

  it('has its cooldown ended by an operator who knows the cause, and begun again by one who was mistaken', async () => {
    const wrong = [await sandbox.dcmha('ack'), await sandbox.dcmha('ack', '--group', 'nobody')];
    assert.deepEqual(
      wrong.map(({ status }) => status),
      [64, 64],
    );
    assert.match(wrong[1]?.stderr ?? '', /nobody/);
    const told = await dcmha('ack', '--group', 'g1', '--why', 'a kill in a test');
    assert.match(told, /^g1: acknowledged: \d+ automatic failovers, the last of .* -> /);
    assert.equal((await history())[0]?.kind, 'ack');
    assert.match(await dcmha('ack', '--all'), /^g1: no automatic failover that nobody has acknowledged/);
    assert.match(await dcmha('ack', '--group', 'g1', '--undo'), /^g1: they count again: /);
    assert.match(await dcmha('ack', '--group', 'g1', '--undo'), /^g1: nothing was acknowledged/);
  });

  it('moves nothing when the heartbeat agent alone is killed, and says so until it is back', async () => {
    const primary = await sandbox.untilPrimary();
    const { epoch } = await group();
    await sandbox.kill('agent', primary);
    await eventually(
      async () => assert.match((await group()).alerts.join(), /heartbeat of .* is lost, but MySQL answers/),
      { timeoutMs: 30_000, everyMs: 300 },
    );
    assert.equal((await group()).epoch, epoch);
    assert.equal(await sandbox.untilPrimary(), primary);
    await sandbox.start('agent', primary);
    await whole();
    assert.equal((await group()).epoch, epoch);
  });

  it('leaves a paused group alone', async () => {
    const primary = await sandbox.untilPrimary();
    await dcmha('setwhite', '--group', 'g1', '--why', 'test');
    await sandbox.kill('mysqld', primary);
    await eventually(async () => assert.match((await group()).alerts.join(), /no failover \(paused\)/), {
      timeoutMs: 20_000,
    });
    assert.equal((await group()).primary, hostOf(primary).replaceAll('.', '-'));
    await sandbox.start('mysqld', primary);
    await dcmha('unsetwhite', '--group', 'g1');
    assert.equal(await sandbox.untilPrimary(), primary);
    await whole();
  });

  it('takes a full connection table for life', async () => {
    const primary = await sandbox.untilPrimary();
    const { epoch } = await group();
    const password = await readSecret(sandbox.dir, 'app');
    const [limit] = await sandbox.query(primary, 'SELECT @@max_connections AS n');
    const clients: Connection[] = [];
    try {
      for (let n = 0; n <= Number(limit?.['n']); n += 1) {
        const client = createConnection({ ...parseEndpoint(primary), user: 'app', password });
        const opened = await client.catch(() => undefined);
        if (opened !== undefined) clients.push(opened);
      }
      const until = Date.now() + 6000;
      await eventually(() => Date.now() > until, { timeoutMs: 10_000, everyMs: 500 });
      assert.equal((await group()).epoch, epoch);
    } finally {
      for (const client of clients) client.destroy();
    }
    await whole();
    assert.equal((await group()).epoch, epoch);
  });

  it('reads elsewhere when a replica dies, and from it again when it replicates', async () => {
    const primary = await sandbox.untilPrimary();
    const replica = sandbox.group().members.find((one) => one !== primary)!;
    await sandbox.kill('mysqld', replica);
    await eventually(
      async () => assert.equal((await group()).servers.find(({ host }) => host === replica)?.reads, 'off'),
      { timeoutMs: 30_000, everyMs: 300 },
    );
    const seen = new Set<string>();
    for (let n = 0; n < 8; n += 1) {
      const [row] = await sandbox.query(
        sandbox.listener('read'),
        "SELECT CONCAT(@@report_host, ':', @@report_port) AS at",
      );
      seen.add(String(row?.['at']));
    }
    assert.ok(!seen.has(replica), [...seen].join());
    await sandbox.start('mysqld', replica);
    await whole();
  });

  it('recovers sessions and watches when ZooKeeper restarts, and the primary takes writes all the while', async () => {
    const old = await sandbox.untilPrimary();
    await using writer = await sandbox.writer({ table: 'restarted' });
    await eventually(() => writer.progress().acknowledged > 50, { timeoutMs: 20_000 });
    await sandbox.kill('zookeeper');
    // Longer than every session and lease: only the failsafe keeps writes open.
    const cutOff = Date.now();
    await eventually(() => Date.now() - cutOff > 9000, { timeoutMs: 10_000, everyMs: 250 });
    const during = writer.progress().acknowledged;
    await eventually(() => writer.progress().acknowledged > during + 20, { timeoutMs: 5000 });
    await sandbox.start('zookeeper');
    await whole();
    await sandbox.kill('mysqld', old);
    const primary = await sandbox.untilPrimary({ not: old });
    const report = await writer.stop();
    assert.deepEqual((await sandbox.check(primary, report)).lost, []);
    await sandbox.start('mysqld', old);
    await whole();
  });

  it('tells of a router that does not take the new route, and fails over all the same', async () => {
    const old = await sandbox.untilPrimary();
    const { epoch } = await group();
    await sandbox.kill('router', undefined, 'STOP');
    await sandbox.kill('mysqld', old);
    await eventually(
      async () => assert.match((await group()).alerts.join(), /routers without the new route/),
      {
        timeoutMs: 40_000,
        everyMs: 300,
      },
    );
    assert.equal((await group()).epoch, epoch + 1);
    await sandbox.kill('router', undefined, 'CONT');
    await sandbox.untilPrimary({ not: old });
    await sandbox.start('mysqld', old);
    await whole();
  });

  it('moves a healthy primary on order without losing a row, there and back', async () => {
    const old = await sandbox.untilPrimary();
    const to = sandbox.group().members.find((one) => one !== old)!;
    await using writer = await sandbox.writer({ table: 'ordered' });
    await eventually(() => writer.progress().acknowledged > 100, { timeoutMs: 20_000 });
    await dcmha('failover', '--group', 'g1', '--to', to, '--yes');
    assert.equal(await sandbox.untilPrimary({ not: old }), to);
    await dcmha('failover', '--group', 'g1', '--to', old, '--yes');
    assert.equal(await sandbox.untilPrimary({ not: to }), old);
    const report = await writer.stop();
    assert.deepEqual((await sandbox.check(old, report)).lost, []);
    await whole();
  });

  it('refuses what makes no sense in one clear line', async () => {
    for (const [args, status, text] of [
      [['status', '--group', 'nope'], 64, /there is no group "nope"/],
      [
        ['failover', '--group', 'g1', '--to', '10.9.9.9', '--yes'],
        64,
        /10\.9\.9\.9 is no member of group g1/,
      ],
      [['insertclustermeta', '--group', 'g2', '--hosts', sandbox.group().members[0]!], 64, /g1/],
      [['failover', '--group', 'g1'], 64, /Say --yes/],
      [['task', 'retry', '--group', 'g1', '--yes'], 64, /no plan is running/],
    ] as const) {
      const result = await sandbox.dcmha(...args);
      assert.equal(result.status, status, result.stderr);
      assert.match(result.stderr, text);
      assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
    }
  });
});
