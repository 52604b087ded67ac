import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { parseSalvageRecord } from '../../src/core/salvage/record.ts';
import { connectTo, readSecret } from '../../src/sandbox/connect.ts';
import { PROGRAM } from '../../src/sandbox/project.ts';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const idOf = (server: string) => hostOf(server).replaceAll('.', '-');
const statusSchema = z.object({
  groups: z.array(
    z.object({
      servers: z.array(
        z.looseObject({ host: z.string(), reads: z.string(), replication: z.string(), why: z.string() }),
      ),
    }),
  ),
});
const historySchema = z.array(
  z.looseObject({
    kind: z.string(),
    result: z.string(),
    from: z.string().optional(),
    why: z.string().optional(),
    obstacle: z.string().optional(),
    clonedFrom: z.string().optional(),
    tookMs: z.number().optional(),
  }),
);

/** Its agents start mysqld themselves, as a CLONE leaves it ended. Tests share a sandbox; each leaves the group whole. */
describe('the return of an old primary that cannot take its transactions back', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'dcmha-'));
  let sandbox: TestSandbox;

  before(async () => {
    const start = `exec "${process.execPath}" "${PROGRAM}" sandbox start --dir "${dir}" --what mysqld --host "$DCMHA_HOST"`;
    sandbox = await startSandbox({
      dir,
      hosts: 3,
      coordinators: 1,
      routers: 1,
      settings: {
        catchUp: { policy: 'never' },
        failover: { cooldownMs: 1, maxLoss: 1_000_000 },
        rejoin: { clone: 'allowed' },
        agent: { startMysqld: ['sh', '-c', start] },
      },
      // Time to be killed in, with the server's data gone and none of the donor's there.
      mysqlOptions: { loose_clone_delay_after_data_drop: 2 },
    });
    await run(await sandbox.untilPrimary(), [
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(100))',
      ...inserts(50),
    ]);
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  const inserts = (count: number) =>
    Array.from({ length: count }, (_, n) => `INSERT INTO app.notes (t) VALUES ('${n} of ${count}')`);

  async function run(at: string, statements: readonly string[]): Promise<void> {
    const connection = await connectTo({ dir, at, as: 'dcmha' });
    try {
      for (const sql of statements) await connection.query(sql);
    } finally {
      connection.destroy();
    }
  }

  const executed = async (at: string) =>
    String((await sandbox.query(at, 'SELECT @@gtid_executed AS g'))[0]?.['g']).replaceAll(/\s/g, '');
  const uuidOf = async (at: string) =>
    String((await sandbox.query(at, 'SELECT @@server_uuid AS u'))[0]?.['u']);

  /** What only the primary gets: `statements`, while nobody receives. Then it dies and another takes over. */
  async function diverge(statements: readonly string[]): Promise<{ old: string; primary: string }> {
    const old = await sandbox.untilPrimary();
    const set = await executed(old);
    for (const replica of sandbox.group().members.filter((one) => one !== old)) {
      await sandbox.query(replica, `SELECT WAIT_FOR_EXECUTED_GTID_SET('${set}', 20)`);
      await run(replica, ['STOP REPLICA IO_THREAD']);
    }
    await run(old, statements);
    await sandbox.kill('mysqld', old);
    const primary = await sandbox.untilPrimary({ not: old });
    await run(primary, inserts(20));
    return { old, primary };
  }

  async function serverOf(at: string) {
    const { stdout } = await sandbox.dcmha('status', '--group', 'g1', '--json');
    const { servers } = statusSchema.parse(JSON.parse(stdout)).groups[0]!;
    return servers.find(({ host }) => host.includes(hostOf(at)) || host === idOf(at));
  }

  async function lastRecord() {
    const { stdout } = await sandbox.dcmha('history', '--group', 'g1', '--json');
    return historySchema.parse(JSON.parse(stdout))[0];
  }

  async function backOnReads(old: string): Promise<void> {
    await eventually(
      async () => {
        const server = await serverOf(old);
        assert.deepEqual([server?.reads, server?.replication.split(',')[0]], ['yes', 'replicating']);
      },
      { timeoutMs: 60_000, everyMs: 300 },
    );
  }

  async function allEqual(): Promise<void> {
    const [first = '', ...others] = sandbox.group().members;
    await eventually(
      async () => {
        const set = await executed(first);
        for (const other of others) assert.equal(await executed(other), set);
      },
      { timeoutMs: 30_000, everyMs: 300 },
    );
    const names = await sandbox.query(
      first,
      "SELECT TABLE_NAME AS t FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA = 'app'",
    );
    for (const { t } of names) {
      const sql = `CHECKSUM TABLE app.${String(t)}`;
      const rows = await sandbox.query(first, sql);
      for (const other of others) assert.deepEqual(await sandbox.query(other, sql), rows, `${sql}: ${other}`);
    }
    const closed = await Promise.all(
      sandbox.group().members.map(async (member) => {
        const [row] = await sandbox.query(member, 'SELECT @@super_read_only AS closed');
        return Number(row?.['closed']);
      }),
    );
    assert.deepEqual(closed.sort(), [0, 1, 1], 'one writer');
  }

  const hostDirectory = (server: string) => path.join(dir, 'hosts', hostOf(server));
  const agentLog = (server: string) => path.join(hostDirectory(server), 'agent.log');

  /** What the agent logs from now on. */
  function following(server: string) {
    const from = readFileSync(agentLog(server)).length;
    const text = () => readFileSync(agentLog(server)).subarray(from).toString('utf8');
    const until = (line: RegExp) =>
      eventually(() => assert.match(text(), line), { timeoutMs: 60_000, everyMs: 5 });
    return { text, until };
  }

  function newestSaved(old: string): string {
    const directory = path.join(hostDirectory(old), 'salvage', 'g1', idOf(old));
    return path.join(directory, readdirSync(directory).sort().at(-1) ?? '');
  }

  it('is a copy of a replica afterwards, by itself, with its transactions saved', async (context) => {
    const { old, primary } = await diverge([
      "INSERT INTO app.notes (t) VALUES ('before')",
      'CREATE TABLE app.extra (id INT PRIMARY KEY)',
      'INSERT INTO app.extra VALUES (1)',
    ]);
    const log = following(old);
    await sandbox.start('mysqld', old);
    const uuid = await uuidOf(old);
    await backOnReads(old);
    await allEqual();
    assert.equal(await uuidOf(old), uuid);
    const last = await lastRecord();
    const donor = sandbox.group().members.find((one) => one !== old && one !== primary);
    assert.deepEqual(
      [last?.kind, last?.result, last?.from, last?.clonedFrom],
      ['rejoin', 'done', idOf(old), donor],
    );
    assert.match(last?.obstacle ?? '', /CREATE TABLE app\.extra.*\(statement\)/);
    context.diagnostic(`${last?.tookMs} ms in all`);
    const saved = newestSaved(old);
    const record = parseSalvageRecord(readFileSync(path.join(saved, 'index.json'), 'utf8'), saved);
    assert.equal(record.transactions.length, 3);
    assert.match(readFileSync(path.join(saved, 'transactions.sql'), 'utf8'), /CREATE TABLE app\.extra/);
    assert.match(log.text(), /starting mysqld: a return of this server is under way/);
    for (const name of ['dcmha', 'repl'] as const) {
      const password = await readSecret(dir, name);
      for (const member of sandbox.group().members) {
        const files = [agentLog(member), path.join(hostDirectory(member), 'mysqld.log')];
        for (const file of files) assert.ok(!readFileSync(file, 'utf8').includes(password), file);
      }
    }
  });

  it('becomes one though its server and its agent are killed while it is overwritten', async (context) => {
    const { old } = await diverge(['CREATE TABLE app.extra2 (id INT PRIMARY KEY)']);
    const uuid = await uuidOf(await sandbox.untilPrimary());
    const log = following(old);
    await sandbox.start('mysqld', old);
    await log.until(/"this server is overwritten by a clone/);
    const dropped = async () => {
      const rows = await sandbox.query(
        old,
        "SELECT 1 FROM performance_schema.clone_progress WHERE STAGE = 'DROP DATA' AND STATE = 'Completed'",
        'dcmha',
      );
      assert.equal(rows.length, 1);
    };
    await eventually(dropped, { timeoutMs: 10_000, everyMs: 20 });
    await sandbox.kill('mysqld', old);
    context.diagnostic('mysqld killed with its data gone');
    await log.until(/broke off, and is begun anew|"starting mysqld/);
    // Its agent starts it, and begins the CLONE again.
    await eventually(() => assert.equal(log.text().match(/overwritten by a clone/g)?.length, 2), {
      timeoutMs: 60_000,
      everyMs: 5,
    });
    await eventually(dropped, { timeoutMs: 10_000, everyMs: 20 });
    await sandbox.kill('agent', old);
    context.diagnostic('agent killed with the data gone');
    await sandbox.start('agent', old);
    await log.until(/"step ended".*"step":"clone"/);
    await sandbox.kill('mysqld', old);
    context.diagnostic('mysqld killed with the copy in place');
    await backOnReads(old);
    await allEqual();
    assert.notEqual(await uuidOf(old), uuid);
    const last = await lastRecord();
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
    context.diagnostic(`${last?.tookMs} ms in all`);
  });

  it('names what is in no binlog file any more, and saves the rest', async () => {
    const { old } = await diverge([
      "INSERT INTO app.notes (t) VALUES ('purged')",
      'FLUSH BINARY LOGS',
      "INSERT INTO app.notes (t) VALUES ('left')",
      'PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY',
    ]);
    await sandbox.start('mysqld', old);
    const own = await uuidOf(old);
    await backOnReads(old);
    await allEqual();
    const last = await lastRecord();
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
    assert.match(last?.obstacle ?? '', new RegExp(`^${own}:\\d+: it is in none of the binlog files.*purged`));
    const saved = newestSaved(old);
    const sql = readFileSync(path.join(saved, 'transactions.sql'), 'utf8');
    assert.match(sql, /'left'/);
    assert.doesNotMatch(sql, /'purged'/);
  });

  it('stays as it is when the copy would not be one, says why, and is overwritten when it would', async () => {
    await run(await sandbox.untilPrimary(), [
      'CREATE TABLE app.hits (id INT) ENGINE = MyISAM',
      'INSERT INTO app.hits VALUES (1)',
    ]);
    const { old, primary } = await diverge(['CREATE TABLE app.extra3 (id INT PRIMARY KEY)']);
    await sandbox.start('mysqld', old);
    const before = await executed(old);
    const last = await eventually(
      async () => {
        const record = await lastRecord();
        assert.deepEqual([record?.kind, record?.result], ['rejoin', 'stays-out']);
        return record;
      },
      { timeoutMs: 40_000, everyMs: 300 },
    );
    assert.match(
      last?.why ?? '',
      /CREATE TABLE app\.extra3.*CLONE does not help: .*app\.hits \(MyISAM\).*saved in/,
    );
    await eventually(
      async () => {
        const server = await serverOf(old);
        assert.match(`${server?.replication}: ${server?.why}`, /^errant.*app\.hits \(MyISAM\)/s);
      },
      { timeoutMs: 10_000 },
    );
    assert.equal(await executed(old), before);
    assert.equal((await sandbox.query(old, 'SELECT * FROM app.extra3')).length, 0);
    await run(primary, ['ALTER TABLE app.hits ENGINE = InnoDB']);
    await sandbox.kill('agent', old);
    await sandbox.start('agent', old);
    await backOnReads(old);
    await allEqual();
  });
});
