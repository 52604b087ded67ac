import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectTo, readSecret } from '../../../src/sandbox/connect.ts';
import { eventually } from '../../support/eventually.ts';
import { idOf, ReturnStage } from '../../support/return-stage.ts';

/** Its agents start mysqld themselves, as a CLONE leaves it ended, and a crash. Tests share a sandbox; each leaves the group whole. */
describe('the return of an old primary that its agent starts', () => {
  let stage: ReturnStage;

  before(async () => {
    stage = await ReturnStage.start({
      agentsStart: true,
      settings: { rejoin: { clone: 'allowed' } },
      // Time to be killed in, with the server's data gone and none of the donor's there.
      mysqlOptions: { loose_clone_delay_after_data_drop: 1 },
    });
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(100))',
      ...inserts(50),
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  const inserts = (count: number) =>
    Array.from({ length: count }, (_, n) => `INSERT INTO app.notes (t) VALUES ('${n} of ${count}')`);

  const uuidOf = async (at: string) =>
    String((await stage.sandbox.query(at, 'SELECT @@server_uuid AS u'))[0]?.['u']);

  async function diverge(statements: readonly string[]): Promise<{ old: string; primary: string }> {
    const ends = await stage.diverge(statements);
    await stage.run(ends.primary, ...inserts(20));
    return ends;
  }

  async function allEqual(): Promise<void> {
    const { sandbox } = stage;
    await stage.allEqual();
    const closed = await Promise.all(
      sandbox.group().members.map(async (member) => {
        const [row] = await sandbox.query(member, 'SELECT @@super_read_only AS closed');
        return Number(row?.['closed']);
      }),
    );
    assert.deepEqual(closed.sort(), [0, 1, 1], 'one writer');
  }

  it('has taken back by recovery what semi-sync had not acknowledged, whatever it was', async (context) => {
    const { sandbox } = stage;
    const old = await sandbox.untilPrimary();
    await stage.settle(old);
    for (const replica of stage.othersThan(old)) await stage.run(replica, 'STOP REPLICA IO_THREAD');
    await stage.run(
      old,
      "INSERT INTO app.notes (t) VALUES ('committed')",
      "UPDATE app.notes SET t = 'committed' WHERE id = 1",
      "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
      'SET GLOBAL rpl_semi_sync_source_timeout = 3600000, GLOBAL rpl_semi_sync_source_enabled = 1',
    );
    const prepared = [
      "UPDATE app.notes SET t = 'hangs' WHERE id = 2",
      'CREATE TABLE app.made (id INT PRIMARY KEY)',
      'DELETE FROM app.notes WHERE id = 3',
    ];
    const sessions = await Promise.all(prepared.map((sql) => beginAt(old, sql)));
    await eventually(
      async () => {
        const sql =
          "SELECT STATE FROM information_schema.PROCESSLIST WHERE STATE REGEXP 'semi-sync ACK|handler commit'";
        assert.equal((await sandbox.query(old, sql)).length, prepared.length);
      },
      { timeoutMs: 10_000, everyMs: 20 },
    );
    await sandbox.kill('mysqld', old);
    for (const session of sessions) session.destroy();
    const primary = await sandbox.untilPrimary({ not: old });
    await stage.run(primary, ...inserts(5));
    await stage.untilReplicating(old);
    await allEqual();
    const last = await stage.lastReturn(old);
    assert.ok(last !== undefined);
    assert.deepEqual(
      last.steps.map(({ outcome }) => outcome),
      ['tail-saved', 'cut', 'recovered', 'saved', 'rolled-back', 'asked', 'done', 'done', 'verified'],
    );
    assert.deepEqual([last.result, last.transactions, last.rows], ['done', 5, 2]);
    context.diagnostic(`${last.tookMs} ms in all`);
    const { record, sql } = stage.lastSaved(old);
    assert.deepEqual(
      record.transactions.map(({ invertible }) => invertible),
      [true, true, ...record.transactions.slice(2).map(() => false)],
      'minimal images and DDL: only recovery takes them back',
    );
    assert.match(sql, /UPDATE `app`\.`notes` SET `t` = 'hangs'/, 'with the names of columns');
    assert.match(sql, /CREATE TABLE app\.made/);
  });

  /** A statement that does not come back, with row images from which nothing can be undone. */
  async function beginAt(at: string, sql: string) {
    const connection = await connectTo({ dir: stage.sandbox.dir, at, as: 'dcmha' });
    await connection.query("SET binlog_row_image = 'minimal'");
    // It ends with its server.
    connection.query(sql).catch(() => undefined);
    return connection;
  }

  it('is a copy of a replica afterwards, by itself, with its transactions saved', async (context) => {
    const uuid = await uuidOf(await stage.sandbox.untilPrimary());
    const { old, primary } = await diverge([
      "INSERT INTO app.notes (t) VALUES ('before')",
      'CREATE TABLE app.extra (id INT PRIMARY KEY)',
      'INSERT INTO app.extra VALUES (1)',
    ]);
    const log = stage.following(old);
    await stage.untilReplicating(old);
    await allEqual();
    assert.equal(await uuidOf(old), uuid);
    const last = await stage.lastReturn(old);
    const donor = stage.sandbox.group().members.find((one) => one !== old && one !== primary);
    assert.deepEqual(
      [last?.kind, last?.result, last?.from, last?.clonedFrom],
      ['rejoin', 'done', idOf(old), donor],
    );
    assert.match(last?.obstacle ?? '', /CREATE TABLE app\.extra.*\(statement\)/);
    context.diagnostic(`${last?.tookMs} ms in all`);
    const { record, sql } = stage.lastSaved(old);
    assert.equal(record.transactions.length, 3);
    assert.match(sql, /CREATE TABLE app\.extra/);
    assert.match(log.text(), /starting mysqld: a return of this server is under way/);
    for (const name of ['dcmha', 'repl'] as const) {
      const password = await readSecret(stage.sandbox.dir, name);
      for (const member of stage.sandbox.group().members) {
        const files = [
          path.join(stage.hostDirectory(member), 'agent.log'),
          path.join(stage.hostDirectory(member), 'mysqld.log'),
        ];
        for (const file of files) assert.ok(!readFileSync(file, 'utf8').includes(password), file);
      }
    }
  });

  it('becomes one though its server and its agent are killed while it is overwritten', async (context) => {
    const { old, primary } = await diverge(['CREATE TABLE app.extra2 (id INT PRIMARY KEY)']);
    const uuid = await uuidOf(primary);
    const log = stage.following(old);
    await log.until(/"this server is overwritten by a clone/);
    const dropped = async () => {
      const rows = await stage.sandbox.query(
        old,
        "SELECT 1 FROM performance_schema.clone_progress WHERE STAGE = 'DROP DATA' AND STATE = 'Completed'",
        'dcmha',
      );
      assert.equal(rows.length, 1);
    };
    await eventually(dropped, { timeoutMs: 10_000, everyMs: 20 });
    await stage.sandbox.kill('mysqld', old);
    context.diagnostic('mysqld killed with its data gone');
    await log.until(/broke off, and is begun anew|"starting mysqld/);
    // Its agent starts it, and begins the CLONE again.
    await eventually(() => assert.equal(log.text().match(/overwritten by a clone/g)?.length, 2), {
      timeoutMs: 60_000,
      everyMs: 5,
    });
    await eventually(dropped, { timeoutMs: 10_000, everyMs: 20 });
    await stage.sandbox.kill('agent', old);
    context.diagnostic('agent killed with the data gone');
    await stage.sandbox.start('agent', old);
    await log.until(/"step ended".*"step":"clone"/);
    await stage.sandbox.kill('mysqld', old);
    context.diagnostic('mysqld killed with the copy in place');
    await stage.untilReplicating(old);
    await allEqual();
    assert.notEqual(await uuidOf(old), uuid);
    const last = await stage.lastReturn(old);
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
    context.diagnostic(`${last?.tookMs} ms in all`);
  });

  it('names what is in no binlog file any more, and saves the rest', async () => {
    const own = await uuidOf(await stage.sandbox.untilPrimary());
    const { old } = await diverge([
      "INSERT INTO app.notes (t) VALUES ('purged')",
      'FLUSH BINARY LOGS',
      "INSERT INTO app.notes (t) VALUES ('left')",
      'PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY',
    ]);
    await stage.untilReplicating(old);
    await allEqual();
    const last = await stage.lastReturn(old);
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
    assert.match(last?.obstacle ?? '', new RegExp(`^${own}:\\d+: it is in none of the binlog files.*purged`));
    const { sql } = stage.lastSaved(old);
    assert.match(sql, /'left'/);
    assert.doesNotMatch(sql, /'purged'/);
  });

  it('stays as it is when the copy would not be one, says why, and is overwritten when it would', async () => {
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.hits (id INT) ENGINE = MyISAM',
      'INSERT INTO app.hits VALUES (1)',
    );
    const { old, primary } = await diverge(['CREATE TABLE app.extra3 (id INT PRIMARY KEY)']);
    const last = await eventually(
      async () => {
        const record = await stage.lastReturn(old);
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
        const server = await stage.serverOf(old);
        assert.match(`${server?.replication}: ${server?.why}`, /^errant.*app\.hits \(MyISAM\)/s);
      },
      { timeoutMs: 10_000 },
    );
    assert.equal((await stage.sandbox.query(old, 'SELECT * FROM app.extra3')).length, 0);
    await stage.run(primary, 'ALTER TABLE app.hits ENGINE = InnoDB');
    await stage.sandbox.kill('agent', old);
    await stage.sandbox.start('agent', old);
    await stage.untilReplicating(old);
    await allEqual();
  });
});
