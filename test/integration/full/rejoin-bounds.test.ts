import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { ReturnStage } from '../../support/return-stage.ts';
import { hostOf } from '../../support/sandbox.ts';

/** What is around an old primary that returns: another schema, another configuration. */
describe('the return of an old primary, by what it meets', () => {
  let stage: ReturnStage;
  before(async () => {
    stage = await ReturnStage.start({ settings: { rejoin: { publish: 'manual' } } });
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, t LONGTEXT)',
      'CREATE TABLE app.gone (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(20))',
      'CREATE TABLE app.wider (id INT AUTO_INCREMENT PRIMARY KEY, t VARCHAR(20))',
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  /** By hand, as the configuration has it. */
  async function publish(at: string): Promise<void> {
    await stage.untilReplicating(at, 'off');
    await stage.sandbox.operate('setha', '--group', 'g1', '--host', hostOf(at));
    await stage.untilReplicating(at);
  }

  it('stays off the read list until setha, though it replicates, when it is to be published by hand', async () => {
    const { old } = await stage.diverge(["INSERT INTO app.notes (t) VALUES ('alone')"]);
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old, 'off');
    await stage.allEqual();
    assert.equal((await stage.lastReturn(old))?.result, 'done');
    // A coordinator that is started anew looks at everything again.
    await stage.sandbox.kill('coordinator');
    await stage.sandbox.start('coordinator');
    await stage.run(await stage.sandbox.untilPrimary(), "INSERT INTO app.notes (t) VALUES ('later')");
    await stage.settle(await stage.sandbox.untilPrimary(), [old]);
    assert.equal((await stage.serverOf(old))?.reads, 'off');
    await publish(old);
  });

  for (const [name, table, change, repair, reason] of [
    [
      'a table is missing',
      'gone',
      ['DROP TABLE app.gone'],
      'CREATE TABLE app.gone LIKE app.kept',
      /table-missing/,
    ],
    [
      'a table has other columns',
      'wider',
      ['ALTER TABLE app.wider ADD COLUMN more INT FIRST'],
      'ALTER TABLE app.wider DROP COLUMN more',
      /table-changed/,
    ],
  ] as const) {
    it(`stays out, saved, when ${name} there`, async () => {
      const { sandbox } = stage;
      const { old, primary } = await stage.diverge([
        `INSERT INTO app.${table} (t) VALUES ('alone')`,
        'SET sql_log_bin = 0',
        `CREATE TABLE app.kept LIKE app.${table}`,
        ...change,
      ]);
      await sandbox.start('mysqld', old);
      const why = await stage.untilOut(old);
      assert.match(why, reason);
      assert.match(why, new RegExp(`app.${table}`));
      assert.match(stage.lastSaved(old).sql, /alone/);
      const rows = table === 'gone' ? [] : [`DELETE FROM app.${table} WHERE t = 'alone'`];
      await stage.reprovision(old, primary, { undo: [repair, ...rows, 'DROP TABLE app.kept'], reads: 'off' });
      await publish(old);
      await stage.allEqual();
    });
  }

  it('does nothing to a server that came back without GTIDs, and says what to do', async () => {
    const { sandbox } = stage;
    const { old } = await stage.diverge(["INSERT INTO app.notes (t) VALUES ('alone')"]);
    const configuration = path.join(stage.hostDirectory(old), 'my.cnf');
    const text = readFileSync(configuration, 'utf8');
    writeFileSync(configuration, text.replace(/gtid_mode *= *ON/, 'gtid_mode = OFF'));
    await sandbox.start('mysqld', old);
    const before = await stage.executed(old);
    await eventually(
      async () => {
        const server = await stage.serverOf(old);
        assert.match(server?.why ?? '', /gtid_mode is OFF: set gtid_mode=ON/);
        assert.equal(server?.reads, 'off');
      },
      { timeoutMs: 40_000, everyMs: 300 },
    );
    assert.equal(await stage.executed(old), before);
    assert.equal((await sandbox.query(old, 'SELECT @@super_read_only AS ro'))[0]?.['ro'], 1);
    writeFileSync(configuration, text);
    await sandbox.kill('mysqld', old);
    await sandbox.start('mysqld', old);
    await publish(old);
    await stage.allEqual();
  });
});
