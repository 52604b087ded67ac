import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { idOf, ReturnStage } from '../support/return-stage.ts';

/** The numbers of transactions that several servers had, and that were taken back, are never given to others. */
describe('errant transactions that another member has, too', () => {
  let stage: ReturnStage;
  before(async () => {
    stage = await ReturnStage.start();
    const primary = await stage.sandbox.untilPrimary();
    await stage.run(
      primary,
      'CREATE TABLE app.notes (id INT PRIMARY KEY, t VARCHAR(20))',
      'CREATE TABLE app.later (id INT AUTO_INCREMENT PRIMARY KEY)',
      "INSERT INTO app.notes VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  const errant = [
    "INSERT INTO app.notes VALUES (10, 'ten')",
    "UPDATE app.notes SET t = 'TWO' WHERE id = 2",
    "SET gtid_next = 'AUTOMATIC:shift'",
    'DELETE FROM app.notes WHERE id = 3',
    "SET gtid_next = 'AUTOMATIC'",
    "INSERT INTO app.notes VALUES (11, 'eleven')",
  ];

  /** The old primary and `second` have `errant`, the third does not and is the primary. */
  async function divergeTwo() {
    const { sandbox } = stage;
    const old = await sandbox.untilPrimary();
    await stage.settle(old);
    const [elected = '', second = ''] = stage.othersThan(old);
    await stage.run(elected, 'STOP REPLICA IO_THREAD');
    await stage.run(old, ...errant);
    await stage.settle(old, [second]);
    const own = await stage.executed(old);
    await sandbox.kill('mysqld', second);
    await sandbox.kill('mysqld', old);
    assert.equal(await sandbox.untilPrimary({ not: old }), elected);
    await stage.run(elected, 'INSERT INTO app.later VALUES ()');
    return { old, second, elected, own };
  }

  async function assertBurnt({ old, own, elected }: { old: string; own: string; elected: string }) {
    const { sandbox } = stage;
    const sql = `SELECT GTID_SUBSET('${own}', @@gtid_executed) AS burnt`;
    for (const server of [old, elected])
      assert.equal(Number((await sandbox.query(server, sql))[0]?.['burnt']), 1, server);
    const rows = await sandbox.query(
      elected,
      'SELECT id, t FROM app.notes WHERE id IN (2, 3, 10, 11) ORDER BY id',
    );
    assert.deepEqual(
      rows.map(({ t }) => String(t)),
      ['two', 'three'],
    );
    const steps = (await stage.lastReturn(old))?.steps.map(({ step }) => step);
    assert.deepEqual(steps, ['save', 'roll-back', 'ask', 'burn', 'reset', 'follow', 'verify']);
  }

  it('are burnt on the primary when both come back at once, and both take back their rows', async () => {
    const ends = await divergeTwo();
    const { old, second, own } = ends;
    await stage.sandbox.start('mysqld', second);
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    await stage.untilReplicating(second);
    await stage.allEqual();
    const returns = await Promise.all([old, second].map((server) => stage.lastReturn(server)));
    assert.deepEqual(
      returns.map((last) => last?.result),
      ['done', 'done'],
    );
    const burners = returns.filter((last) => last?.steps.some(({ step }) => step === 'burn'));
    assert.ok(burners.length >= 1, 'one of the two, or both');
    const sql = `SELECT GTID_SUBSET('${own}', @@gtid_executed) AS burnt`;
    for (const server of stage.sandbox.group().members)
      assert.equal(Number((await stage.sandbox.query(server, sql))[0]?.['burnt']), 1, server);
  });

  it('are burnt for one that is still away, which is not taken for equal when it comes back', async (context) => {
    const ends = await divergeTwo();
    const { old, second, elected } = ends;
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    await assertBurnt(ends);
    context.diagnostic(JSON.stringify(await stage.lastReturn(old)));
    await stage.run(elected, 'INSERT INTO app.later VALUES ()');
    // Its GTID set is now a part of the primary's; its rows are not.
    await stage.sandbox.start('mysqld', second);
    await stage.untilReplicating(second);
    await stage.allEqual();
    assert.equal((await stage.lastReturn(second))?.result, 'done');
    const { record } = stage.lastSaved(second);
    assert.equal(record.transactions.length, 4);
    assert.equal(record.host, idOf(second));
  });

  it('leave a healthy replica alone that only could not be asked', async () => {
    const { sandbox } = stage;
    const { old, primary } = await stage.diverge(errant.slice(0, 2));
    const [third = ''] = stage.othersThan(old, primary);
    await sandbox.kill('mysqld', third);
    await sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    const saved = stage.savedSets(third);
    await sandbox.start('mysqld', third);
    await stage.untilReplicating(third);
    await stage.allEqual();
    assert.deepEqual(stage.savedSets(third), saved, 'nothing of it had to be saved');
    const steps = (await stage.lastReturn(old))?.steps.map(({ step }) => step);
    assert.ok(steps?.includes('burn'), JSON.stringify(steps));
  });
});
