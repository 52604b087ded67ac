import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { ReturnStage } from '../../support/return-stage.ts';

/** Kinds of transactions that an old primary may return with. Tests share a sandbox; each leaves the group whole. */
describe('the return of an old primary, by what it did alone', () => {
  let stage: ReturnStage;
  before(async () => {
    stage = await ReturnStage.start();
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(200))',
      "INSERT INTO app.notes (t) VALUES ('one'), ('two'), ('three')",
      'CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, b LONGBLOB)',
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  const notes = async (at: string): Promise<readonly string[]> =>
    (await stage.sandbox.query(at, 'SELECT t FROM app.notes ORDER BY id')).map(({ t }) => String(t));

  const xaOf = (xid: string, end: readonly string[]): readonly string[] => [
    `XA START ${xid}`,
    "INSERT INTO app.notes (t) VALUES ('by xa')",
    "UPDATE app.notes SET t = CONCAT(t, '!') WHERE id = 1",
    `XA END ${xid}`,
    `XA PREPARE ${xid}`,
    ...end,
  ];

  async function returns(old: string): Promise<void> {
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    await stage.allEqual();
    const last = await stage.lastReturn(old);
    assert.equal(last?.result, 'done', last?.why);
  }

  it('XA transactions that were prepared and committed are taken back, one that was only prepared is rolled back', async () => {
    const { old, primary } = await stage.diverge([
      ...xaOf("'x1'", ["XA COMMIT 'x1'"]),
      ...xaOf("'x2','branch',7", ["XA ROLLBACK 'x2','branch',7"]),
      "INSERT INTO app.notes (t) VALUES ('between')",
      ...xaOf("'x3'", []),
    ]);
    await returns(old);
    assert.deepEqual(await notes(old), await notes(primary));
    assert.ok(!(await notes(old)).includes('by xa'));
    assert.deepEqual(await stage.sandbox.query(old, 'XA RECOVER', 'dcmha'), [], 'nothing is left prepared');
  });

  it('a commit of an XA transaction that all had prepared cannot be taken back, and is saved', async () => {
    const { sandbox } = stage;
    const before = await sandbox.untilPrimary();
    await stage.run(before, ...xaOf("'shared'", []));
    const { old, primary } = await stage.diverge(["XA COMMIT 'shared'"]);
    await sandbox.start('mysqld', old);
    assert.match(await stage.untilOut(old), /xa-commit-without-prepare.*saved in/);
    assert.match(stage.lastSaved(old).sql, /XA COMMIT/);
    // The others still have it prepared: the operator decides, here as the old primary did. Then nothing is errant but a name.
    await stage.run(primary, "XA COMMIT 'shared'");
    await stage.reprovision(old, primary);
    await stage.allEqual();
  });

  it('tagged names are taken back, and are free for others afterwards', async () => {
    const { old } = await stage.diverge([
      "INSERT INTO app.notes (t) VALUES ('plain')",
      "SET gtid_next = 'AUTOMATIC:shift'",
      "INSERT INTO app.notes (t) VALUES ('tagged')",
      "UPDATE app.notes SET t = 'tagged, too' WHERE id = 2",
      "SET gtid_next = 'AUTOMATIC:other'",
      'DELETE FROM app.notes WHERE id = 3',
    ]);
    await returns(old);
    const { record } = stage.lastSaved(old);
    assert.match(record.gtids, /:other:1:shift:1-2/);
    assert.equal(record.transactions.length, 4);
  });

  it('temporary tables are no obstacle', async () => {
    const { old } = await stage.diverge([
      'CREATE TEMPORARY TABLE app.tmp (id INT PRIMARY KEY, t VARCHAR(20))',
      "INSERT INTO app.tmp VALUES (1, 'temporary')",
      'INSERT INTO app.notes (t) SELECT t FROM app.tmp',
      "UPDATE app.tmp SET t = 'other'",
      'DROP TEMPORARY TABLE app.tmp',
    ]);
    await returns(old);
    assert.ok(!(await notes(old)).includes('temporary'));
  });

  it('a transaction of 200 MB is taken back', async (context) => {
    const primary = await stage.sandbox.untilPrimary();
    await stage.run(primary, "INSERT INTO app.big (b) VALUES (REPEAT('x', 1000000))");
    const { old } = await stage.diverge([
      'BEGIN',
      ...Array.from(
        { length: 200 },
        (_, n) => `INSERT INTO app.big (b) VALUES (REPEAT('${n % 10}', 1000000))`,
      ),
      "UPDATE app.big SET b = 'short' WHERE id = 1",
      'COMMIT',
    ]);
    await returns(old);
    const last = await stage.lastReturn(old);
    context.diagnostic(JSON.stringify(last));
    // Also the rows of the commit probe.
    assert.ok((last?.rows ?? 0) >= 201);
  });

  it('names the transactions that its binlog has lost, and stays out', async () => {
    const { old, primary } = await stage.diverge([
      "INSERT INTO app.notes (t) VALUES ('first')",
      "INSERT INTO app.notes (t) VALUES ('second')",
      'FLUSH BINARY LOGS',
      'PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY',
    ]);
    await stage.sandbox.start('mysqld', old);
    const why = await stage.untilOut(old);
    assert.match(why, /2 transactions that the primary lacks.*none of the binlog files any more \(purged\)/);
    await eventually(async () => assert.equal((await stage.serverOf(old))?.reads, 'off'), {
      timeoutMs: 10_000,
    });
    await stage.reprovision(old, primary, {
      undo: ["DELETE FROM app.notes WHERE t IN ('first', 'second')"],
    });
    await stage.allEqual();
  });

  it('what a server logs of a MEMORY table after a restart is no obstacle; rows put into one are', async () => {
    const { sandbox } = stage;
    await stage.run(
      await sandbox.untilPrimary(),
      'CREATE TABLE app.mem (id INT PRIMARY KEY, t VARCHAR(20)) ENGINE = MEMORY',
    );
    const { old } = await stage.diverge(["INSERT INTO app.notes (t) VALUES ('beside a MEMORY table')"]);
    await sandbox.kill('agent', old);
    await sandbox.start('mysqld', old);
    const before = await stage.executed(old);
    // The first touch after a restart empties it, under a name of its own.
    await sandbox.query(old, 'SELECT COUNT(*) FROM app.mem');
    assert.notEqual(await stage.executed(old), before);
    await sandbox.start('agent', old);
    await stage.untilReplicating(old);
    assert.ok(!(await notes(old)).includes('beside a MEMORY table'));
    const last = await stage.lastReturn(old);
    assert.deepEqual([last?.result, last?.transactions], ['done', 2]);
    await stage.allEqual();
    const again = await stage.diverge(["INSERT INTO app.mem VALUES (7, 'gone')"]);
    await sandbox.start('mysqld', again.old);
    assert.match(
      await stage.untilOut(again.old),
      /app\.mem is of MEMORY, which has no transactions \(no-transactions\)/,
    );
    await stage.reprovision(again.old, again.primary, { undo: ['DELETE FROM app.mem'] });
    await stage.allEqual();
  });
});
