import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import { readPresence } from '../../src/core/store/presences.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { startCuttableProxy } from '../support/cuttable-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { RealAgents, type RealHost } from '../support/real-agents.ts';
import { silentLog } from '../support/test-log.ts';

const sessionTimeoutMs = 4000;

/** As root over the socket, so that no connection is left to be killed. */
async function query({ mysqld }: RealHost, sql: string): Promise<RowDataPacket[]> {
  const { socket, passwords } = mysqld;
  const connection = await createConnection({ socketPath: socket, user: 'root', password: passwords.root });
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    connection.destroy();
  }
}

async function isReadOnly(host: RealHost): Promise<boolean> {
  const [row] = await query(host, 'SELECT @@GLOBAL.super_read_only AS closed');
  return row?.['closed'] === 1;
}

/** How long until `check` holds, ms; looked at as often as can be. */
async function timeUntil(check: () => Promise<boolean>, timeoutMs: number): Promise<number> {
  const began = performance.now();
  await eventually(check, { timeoutMs, everyMs: 2 });
  return Math.round(performance.now() - began);
}

describe('real agents of real servers', () => {
  let all: RealAgents;

  before(async () => {
    all = await RealAgents.start('127.83.0', 3, { sessionTimeoutMs });
  });

  after(() => all[Symbol.asyncDispose]());

  it('opens the recorded primary, and the others follow it by themselves', async () => {
    assert.deepEqual(await Promise.all(all.hosts.map(isReadOnly)), [true, true, true]);
    await all.record(all.host(1));
    await all.untilOpen(all.host(1));
    assert.deepEqual(await Promise.all(all.hosts.map(isReadOnly)), [false, true, true]);
    for (const replica of [all.host(2), all.host(3)]) {
      await eventually(
        async () => (await readPresence(all.store, replica.id))?.replication?.state === 'replicating',
        { timeoutMs: 15_000 },
      );
    }
    await query(all.host(1), 'CREATE TABLE app.t (id INT PRIMARY KEY)');
    await query(all.host(1), 'INSERT INTO app.t VALUES (1)');
    await eventually(async () => (await query(all.host(3), 'SELECT * FROM app.t')).length === 1, {
      timeoutMs: 5000,
    });
  });

  it('tells of a mysqld that was killed within milliseconds, and opens it again when it returns', async (t: TestContext) => {
    const primary = all.host(1);
    const news: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const pid = primary.mysqld.pid();
      assert.ok(pid !== undefined);
      const stop = new AbortController();
      const told = new Promise<number>((resolve) => {
        all.store.watchData(
          znodes.presence(primary.id),
          () => {
            void readPresence(all.store, primary.id).then((presence) => {
              if (presence?.verdict === 'dead') resolve(performance.now());
            });
          },
          stop.signal,
        );
      });
      await new Promise((resolve) => setImmediate(resolve));
      const killedAt = performance.now();
      process.kill(pid, 'SIGKILL');
      news.push(Math.round((await told) - killedAt));
      stop.abort();
      await assert.rejects(all.call(primary, 'fence', { group: 'g1', epoch: -1 }), {
        code: 'PEER_REFUSED',
      });
      await primary.mysqld.start();
      await all.untilOpen(primary);
    }
    t.diagnostic(`kill -9 to ZooKeeper and back to a watcher: ${news.join(', ')} ms`);
  });

  it('starts replication again after a restart of a replica', async () => {
    const replica = all.host(2);
    await replica.mysqld.kill();
    await replica.mysqld.start();
    await eventually(
      async () => {
        const [row] = await query(replica, 'SHOW REPLICA STATUS');
        return row?.['Replica_IO_Running'] === 'Yes' && row['Replica_SQL_Running'] === 'Yes';
      },
      { timeoutMs: 15_000 },
    );
    assert.equal(await isReadOnly(replica), true);
  });

  it('goes on without ZooKeeper while all others accept it, and closes in time when one does not answer', async (t: TestContext) => {
    const primary = all.host(1);
    await all.zookeeper.kill('SIGSTOP');
    const until = performance.now() + 2 * sessionTimeoutMs;
    while (performance.now() < until) assert.equal(await isReadOnly(primary), false);
    await all.host(3).agent.kill('SIGSTOP');
    const took = await timeUntil(() => isReadOnly(primary), 2 * sessionTimeoutMs);
    t.diagnostic(`closed ${took} ms after the last acceptance could be had`);
    assert.ok(took < sessionTimeoutMs, `${took} ms`);
    await eventually(async () => (await all.call(primary, 'status', {})).writable === false, {
      timeoutMs: 5000,
    });
    await all.host(3).agent.kill('SIGCONT');
    await all.zookeeper.kill('SIGCONT');
    await all.untilOpen(primary, 30_000);
  });

  it('an agent that is killed and started again keeps its primary open', async () => {
    const primary = all.host(1);
    await primary.agent.kill();
    await primary.agent.start();
    const until = performance.now() + 1.5 * sessionTimeoutMs;
    while (performance.now() < until) assert.equal(await isReadOnly(primary), false);
    assert.equal((await readPresence(all.store, primary.id))?.verdict, 'up');
  });

  it('an agent that was stopped beyond its lease closes its server first of all', async (t: TestContext) => {
    const [old, elected] = [all.host(1), all.host(2)];
    await eventually(async () => ((await all.call(old, 'status', {})).leaseMs ?? 0) > 0, { timeoutMs: 5000 });
    await old.agent.kill('SIGSTOP');
    await eventually(async () => (await readPresence(all.store, old.id)) === undefined, {
      timeoutMs: 15_000,
    });
    assert.equal(await isReadOnly(old), false, 'nobody is there to close it');
    const epoch = await all.record(elected);
    await query(elected, 'STOP REPLICA');
    await query(elected, 'RESET REPLICA ALL');
    await all.call(elected, 'openWrites', { group: 'g1', epoch });
    await old.agent.kill('SIGCONT');
    const took = await timeUntil(() => isReadOnly(old), 5000);
    t.diagnostic(`closed ${took} ms after it went on`);
    assert.ok(took < 1000, `${took} ms`);
    assert.equal(await isReadOnly(elected), false);
    await eventually(
      async () => (await readPresence(all.store, old.id))?.replication?.source === '127.83.0.12:3306',
      { timeoutMs: 15_000 },
    );
  });

  it('stays closed once fenced, over restarts of mysqld and agent, until a newer epoch names it', async () => {
    const primary = all.host(2);
    const epoch = (await all.store.read(znodes.master('g1')))?.version ?? -1;
    const login = { host: primary.host, port: 3306, user: 'app', password: primary.mysqld.passwords.app };
    const writer = await createConnection(login);
    const ended = new Promise((resolve) => writer.on('error', resolve));
    await writer.query('INSERT INTO app.t VALUES (2)');
    const evidence = await all.call(primary, 'fence', { group: 'g1', epoch });
    assert.equal(evidence.kind, 'read-only');
    await ended;
    await primary.mysqld.kill();
    await primary.agent.kill();
    await primary.mysqld.start();
    await primary.agent.start();
    const refused = all.call(primary, 'openWrites', { group: 'g1', epoch });
    await assert.rejects(
      refused,
      (error) => hasCode(error, 'PEER_REFUSED') && error.details['reason'] === 'fenced-epoch',
    );
    const until = performance.now() + sessionTimeoutMs;
    while (performance.now() < until) assert.equal(await isReadOnly(primary), true);
    await all.record(primary);
    await all.untilOpen(primary);
  });

  it('started without ZooKeeper, it answers, waits and touches nothing', async () => {
    const zookeeper = { hosts: '127.83.0.8:2181', sessionTimeoutMs };
    const lost = await all.misconfigured('127.83.0.21', { zookeeper });
    const { verdict, group } = await all.call(lost, 'status', {});
    assert.deepEqual([verdict === 'dead' || verdict === 'unknown', group], [true, undefined]);
    await eventually(async () => (await readFile(lost.agentLog, 'utf8')).includes('127.83.0.8:2181'), {
      timeoutMs: 5000,
    });
    assert.ok(lost.agent.pid() !== undefined);
  });

  it('with a wrong MySQL password it says so, and knows no verdict', async () => {
    const replica = all.host(3);
    await replica.agent.stop();
    const passwordFile = path.join(all.dir, 'wrong-password');
    await writeFile(passwordFile, 'not it');
    const wrong = await all.misconfigured(replica.host, {
      mysql: { passwordFile, replicationPasswordFile: passwordFile },
    });
    await eventually(
      async () => {
        const presence = await readPresence(all.store, replica.id);
        return presence?.verdict === 'unknown' && /1045.*password/.test(presence.why ?? '');
      },
      { timeoutMs: 15_000 },
    );
    assert.doesNotMatch(await readFile(wrong.agentLog, 'utf8'), /not it/);
    await wrong.agent.stop();
    await replica.agent.start();
  });

  it('with a wrong password of ZooKeeper it says so once, waits, and touches nothing', async () => {
    const owner = await connectZookeeper({
      hosts: all.zookeeper.endpoint,
      root: '/closed',
      sessionTimeoutMs,
      auth: { user: 'dcmha', password: 'the right one' },
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
    await initTree(owner);
    await owner[Symbol.asyncDispose]();
    const passwordFile = path.join(all.dir, 'wrong-zookeeper');
    await writeFile(passwordFile, 'not it', { mode: 0o600 });
    const zookeeper = { hosts: all.zookeeper.endpoint, root: '/closed', user: 'dcmha', passwordFile };
    const wrong = await all.misconfigured('127.83.0.22', { zookeeper });
    await eventually(
      async () =>
        assert.match(await readFile(wrong.agentLog, 'utf8'), /ZooKeeper denies .*zookeeper\.passwordFile/),
      { timeoutMs: 10_000 },
    );
    assert.equal((await all.call(wrong, 'status', {})).group, undefined);
    await wrong.agent.stop();
    const log = await readFile(wrong.agentLog, 'utf8');
    assert.equal(log.split('"presence node failed"').length, 2, log);
    assert.doesNotMatch(log, /not it/);
  });

  it('that ZooKeeper no longer answers, though it hears: goes on while the others accept, and closes before another opens', async () => {
    const [primary, elected] = [all.host(2), all.host(1)];
    await using network = await startCuttableProxy('127.83.0.9', { host: '127.83.0.9', port: 2181 });
    await primary.agent.stop();
    const { host, port } = network.endpoint;
    const behind = await all.misconfigured(primary.host, {
      zookeeper: { hosts: `${host}:${port}`, sessionTimeoutMs },
    });
    await all.untilOpen(primary);
    await eventually(async () => ((await all.call(primary, 'status', {})).leaseMs ?? 0) > 0, {
      timeoutMs: 5000,
    });
    // Else nothing would tell when its session, and with it every lease, is over.
    await eventually(async () => (await readPresence(all.store, primary.id))?.verdict === 'up', {
      timeoutMs: 10_000,
    });
    network.cutAnswers();
    await eventually(async () => (await readPresence(all.store, primary.id)) === undefined, {
      timeoutMs: 30_000,
    });
    assert.equal(await isReadOnly(primary), false, 'all others accept it');
    await all.record(elected);
    await query(elected, 'STOP REPLICA');
    await query(elected, 'RESET REPLICA ALL');
    let bothOpen = 0;
    await eventually(
      async () => {
        const [isClosed, waits] = await Promise.all([primary, elected].map(isReadOnly));
        if (isClosed === false && waits === false) bothOpen += 1;
        return isClosed === true && waits === false;
      },
      { timeoutMs: 30_000, everyMs: 10 },
    );
    assert.equal(bothOpen, 0);
    await behind.agent.stop();
    await primary.agent.start();
  });

  it('kills a mysqld that hangs when a plan fences it', async () => {
    const primary = all.host(1);
    const epoch = (await all.store.read(znodes.master('g1')))?.version ?? -1;
    await primary.mysqld.kill('SIGSTOP');
    const evidence = await all.call(primary, 'fence', { group: 'g1', epoch });
    assert.equal(evidence.kind, 'process-gone');
    await eventually(() => primary.mysqld.pid() === undefined, { timeoutMs: 2000 });
  });
});
