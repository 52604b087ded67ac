import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { eventually } from '../support/eventually.ts';
import { endpointOf, RealServers } from '../support/real-mysql.ts';
import { recordingLog } from '../support/test-log.ts';

const SOON = { timeoutMs: 5000 };

/** The number of the server's error, or 0. */
const READ_ONLY = 1290;

async function errnoOf(statement: Promise<unknown>): Promise<number> {
  try {
    await statement;
    return 0;
  } catch (error) {
    return error instanceof Error && 'errno' in error ? Number(error.errno) : -1;
  }
}

describe('fencing a real server', { timeout: 120_000 }, () => {
  let servers: RealServers;
  let server: MysqldHandle;
  let mysql: Mysql;
  const log = recordingLog();

  before(async () => {
    servers = new RealServers();
    server = await servers.start('127.81.0.11', {
      plugin_load_add: 'semisync_source.so',
      loose_rpl_semi_sync_source_timeout: 60_000,
    });
    mysql = servers.mysql({ log });
    await mysql.openWrites(endpointOf(server), SOON);
    await servers.query(server, 'app', 'CREATE TABLE app.t (id INT PRIMARY KEY)');
    await mysql.fence(endpointOf(server), SOON);
  });
  after(() => servers[Symbol.asyncDispose]());

  async function count(): Promise<number> {
    const [row] = await servers.query(server, 'app', 'SELECT COUNT(*) AS n FROM app.t');
    return Number(row?.['n']);
  }

  async function openClient(...statements: readonly string[]): Promise<Connection> {
    await mysql.openWrites(endpointOf(server), SOON);
    const client = await servers.client(server, 'app');
    for (const statement of statements) await client.query(statement);
    return client;
  }

  it('ends a writer in the middle of a transaction, whose rows are then nowhere', async () => {
    const rows = await count();
    const client = await openClient('BEGIN', 'INSERT INTO app.t VALUES (1)');
    const { killed } = await mysql.fence(endpointOf(server), SOON);
    assert.equal(killed, 1);
    assert.notEqual(await errnoOf(client.query('COMMIT')), 0);
    assert.equal(await count(), rows);
  });

  it('does not wait for whoever holds table locks', async () => {
    const client = await openClient('LOCK TABLES app.t WRITE');
    const started = performance.now();
    await mysql.fence(endpointOf(server), SOON);
    assert.ok(performance.now() - started < 2000);
    assert.notEqual(await errnoOf(client.query('SELECT 1')), 0);
  });

  it('ends a statement that runs for long', async () => {
    const client = await openClient();
    const running = errnoOf(client.query('INSERT INTO app.t SELECT 100 + SLEEP(60)'));
    await eventually(async () => {
      const list = await servers.query(server, 'admin', 'SHOW PROCESSLIST');
      return list.some((row) => row['State'] === 'User sleep');
    }, SOON);
    const started = performance.now();
    await mysql.fence(endpointOf(server), SOON);
    assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
    assert.notEqual(await running, 0);
  });

  it('gets its way under a crowd of writers that connect again and again', async () => {
    await mysql.openWrites(endpointOf(server), SOON);
    const stop = new AbortController();
    let written = 0;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      while (!stop.signal.aborted) {
        try {
          const client = await servers.client(server, 'app');
          for (let n = 0; n < 1000; n += 1) {
            await client.query(`REPLACE INTO app.t VALUES (${1000 + writer * 1000 + n})`);
            written += 1;
          }
        } catch {
          // Killed, or read-only: connects again.
        }
      }
    });
    await eventually(() => written > 100, SOON);
    const started = performance.now();
    const { killed } = await mysql.fence(endpointOf(server), SOON);
    const tookMs = performance.now() - started;
    const { executed } = await mysql.status(endpointOf(server), SOON);
    assert.ok(killed >= 1);
    assert.ok(tookMs < 2000, `${tookMs} ms`);
    const rowsAfter = written;
    await eventually(async () => (await mysql.sessionCount(endpointOf(server), SOON)) > 0, SOON);
    assert.equal((await mysql.status(endpointOf(server), SOON)).executed, executed);
    assert.ok(written - rowsAfter <= 8, 'acknowledged before, counted after, at most one each');
    stop.abort();
    await Promise.all(writers);
  });

  it('lets commits go that no replica acknowledges, after their clients were cut off, and semi-sync is on again', async () => {
    const client = await openClient();
    const enable = (value: number) =>
      servers.query(server, 'dcmha', `SET GLOBAL rpl_semi_sync_source_enabled = ${value}`);
    await enable(1);
    const told = errnoOf(client.query('INSERT INTO app.t VALUES (77)'));
    await eventually(async () => {
      const list = await servers.query(server, 'admin', 'SHOW PROCESSLIST');
      return list.some((row) => String(row['State']).includes('semi-sync ACK'));
    }, SOON);
    // Its name is taken, as replicas know, though it is not executed here.
    const { executed, owned = '' } = await mysql.status(endpointOf(server), SOON);
    assert.equal(parseGtidSet(owned).count(), 1n);
    assert.ok(!parseGtidSet(executed).contains(parseGtidSet(owned)), `${owned} of ${executed}`);
    const late = await servers.client(server, 'app');
    const started = performance.now();
    await mysql.fence(endpointOf(server), SOON);
    assert.ok(performance.now() - started < 2000, `${performance.now() - started} ms`);
    assert.notEqual(await told, 0, 'the client must not be told that it succeeded');
    assert.notEqual(await errnoOf(late.query('INSERT INTO app.t VALUES (78)')), 0);
    const [row] = await servers.query(server, 'admin', 'SELECT @@rpl_semi_sync_source_enabled AS n');
    assert.equal(Number(row?.['n']), 1);
    await enable(0);
  });

  it('leaves replicas and managers attached', async () => {
    const other = servers.mysql();
    await other.status(endpointOf(server), SOON);
    const replica = await servers.client(server, 'repl');
    await mysql.fence(endpointOf(server), SOON);
    assert.equal(await errnoOf(replica.query('SELECT 1')), 0);
    assert.equal((await other.probe(endpointOf(server), SOON)).kind, 'up');
  });

  it('is not held up by sessions that it may not end, since they cannot write either', async () => {
    const root = await servers.client(server, 'root');
    await root.query('SET SESSION sql_log_bin = 0, GLOBAL super_read_only = OFF');
    await root.query("CREATE USER weak@'%' IDENTIFIED BY 'weak secret'");
    await root.query(
      "GRANT SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, PROCESS, REPLICATION CLIENT, SESSION_VARIABLES_ADMIN ON *.* TO weak@'%'",
    );
    const weak = servers.mysql({ account: { user: 'weak', password: 'weak secret' }, log });
    await weak.fence(endpointOf(server), SOON);
    assert.equal((await mysql.status(endpointOf(server), SOON)).superReadOnly, true);
    assert.equal(await errnoOf(root.query('SELECT 1')), 0);
    const told = () =>
      log.lines.filter(
        ({ message, fields }) => message.includes('SYSTEM_USER') && Number(fields['spared']) > 0,
      ).length;
    const before = told();
    assert.ok(before > 0);
    await weak.endSessions(endpointOf(server), SOON);
    assert.equal(told(), before + 1);
  });

  it('lets a statement end and tells its client, when there is a grace, and knows then what was executed', async () => {
    const client = await openClient();
    const rows = await count();
    const running = errnoOf(client.query('INSERT INTO app.t SELECT 50000 + SLEEP(0.9)'));
    const isRunning = async () => {
      const list = await servers.query(server, 'admin', 'SHOW PROCESSLIST');
      return list.some((row) => row['State'] === 'User sleep');
    };
    await eventually(isRunning, SOON);
    // Its transaction ends with it: that is for the fence to wait for, not for a drain.
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 4000 })).busy, 0);
    assert.ok(await isRunning());
    const { executed, killed } = await mysql.fence(endpointOf(server), { ...SOON, graceMs: 4000 });
    assert.deepEqual([await running, await count(), killed], [0, rows + 1, 0]);
    assert.equal((await mysql.status(endpointOf(server), SOON)).executed, executed);
    assert.equal(await errnoOf(client.query('INSERT INTO app.t VALUES (50001)')), READ_ONLY);
    assert.ok((await mysql.endSessions(endpointOf(server), SOON)) > 0);
    assert.notEqual(await errnoOf(client.query('SELECT 1')), 0);
  });

  it('drains: a transaction is waited for, a session at rest is ended, and one that writes row after row holds nobody up', async (context) => {
    const transaction = await openClient('BEGIN', 'REPLACE INTO app.t VALUES (60000)');
    const resting = await servers.client(server, 'app');
    const stop = new AbortController();
    context.after(() => stop.abort());
    const busy = await servers.client(server, 'app');
    const writing = (async () => {
      for (let n = 0, errno = 0; errno === 0 && !stop.signal.aborted; n += 1)
        errno = await errnoOf(busy.query(`REPLACE INTO app.t VALUES (${61_000 + (n % 100)})`));
    })();
    const { busy: left } = await mysql.drain(endpointOf(server), { timeoutMs: 300 });
    assert.equal(left, 1);
    assert.notEqual(await errnoOf(resting.query('SELECT 1')), 0);
    assert.equal(await errnoOf(transaction.query('COMMIT')), 0);
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 3000 })).busy, 0);
    stop.abort();
    await writing;
    await mysql.fence(endpointOf(server), SOON);
  });

  it('drains: who is just logging in is waited for', async () => {
    await mysql.openWrites(endpointOf(server), SOON);
    const knocking = connect(server.port, server.host);
    await once(knocking, 'data');
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 100 })).busy, 1);
    knocking.destroy();
    await eventually(
      async () => (await mysql.drain(endpointOf(server), { timeoutMs: 100 })).busy === 0,
      SOON,
    );
    await mysql.fence(endpointOf(server), SOON);
  });

  it('drains: who logged in since the look before is waited for, until it has had a transaction', async (context) => {
    await mysql.openWrites(endpointOf(server), SOON);
    await mysql.lookAtClients(endpointOf(server), SOON);
    const client = await servers.client(server, 'app');
    context.after(() => client.destroy());
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 100 })).busy, 1);
    assert.equal(await errnoOf(client.query('SELECT 1')), 0);
    await mysql.lookAtClients(endpointOf(server), SOON);
    const another = await openClient('REPLACE INTO app.t VALUES (62000)');
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 100 })).busy, 0);
    for (const ended of [client, another])
      await eventually(async () => (await errnoOf(ended.query('SELECT 1'))) !== 0, SOON);
    await mysql.fence(endpointOf(server), SOON);
  });

  it('drains a server that does not collect transactions, too', async () => {
    const collect = (enabled: string) =>
      servers.query(
        server,
        'root',
        `UPDATE performance_schema.setup_consumers SET ENABLED = '${enabled}' WHERE NAME = 'events_transactions_current'`,
      );
    await collect('NO');
    const transaction = await openClient('BEGIN', 'REPLACE INTO app.t VALUES (60000)');
    const resting = await servers.client(server, 'app');
    assert.equal((await mysql.drain(endpointOf(server), { timeoutMs: 300 })).busy, 1);
    assert.notEqual(await errnoOf(resting.query('SELECT 1')), 0);
    assert.equal(await errnoOf(transaction.query('COMMIT')), 0);
    await collect('YES');
    await mysql.fence(endpointOf(server), SOON);
  });

  it('says within its deadline that it cannot', async () => {
    const client = await openClient();
    const manager = await servers.client(server, 'dcmha');
    await manager.query('LOCK TABLES app.t WRITE');
    const started = performance.now();
    await assert.rejects(mysql.fence(endpointOf(server), { timeoutMs: 1500 }), { code: 'TIMED_OUT' });
    assert.ok(performance.now() - started < 3000);
    await manager.query('UNLOCK TABLES');
    client.destroy();
    await mysql.fence(endpointOf(server), SOON);
  });
});
