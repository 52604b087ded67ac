import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import { existsSync } from 'node:fs';
import { mysqlPrograms } from '../../src/sandbox/project.ts';
import { Random } from '../support/random.ts';
import { RollbackWorld, type Tail } from '../support/rollback-world.ts';
import { createTables, randomChange, triggers } from '../support/row-history.ts';

const withoutMysql = existsSync(mysqlPrograms.mysqld) ? false : 'MySQL is not installed here';
const looseMode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';

describe('taking transactions back on a real server', { skip: withoutMysql }, () => {
  let world: RollbackWorld;

  before(async () => {
    world = await RollbackWorld.start('127.79.0.2');
    for (const sql of [`SET sql_mode = '${looseMode}'`, 'CREATE DATABASE rt', 'USE rt', ...createTables()]) {
      await world.client.query(sql);
    }
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** Random transactions; statements that fail change nothing and are no matter. */
  async function makeHistory(random: Random, transactions: number): Promise<number> {
    let done = 0;
    for (let i = 0; i < transactions; i++) {
      await world.client.query(`SET binlog_row_value_options = '${random.pick(['', 'PARTIAL_JSON'])}'`);
      await world.client.query(`SET binlog_transaction_compression = ${random.pick([0, 1])}`);
      await world.client.query(`SET GLOBAL binlog_row_metadata = ${random.pick(['FULL', 'MINIMAL'])}`);
      await world.client.query('BEGIN');
      for (let n = random.int(1, 5); n > 0; n--) {
        if (random.chance(0.1)) await world.client.query('SAVEPOINT here');
        done += await world.client.query(randomChange(random)).then(
          () => 1,
          () => 0,
        );
      }
      await world.client.query('COMMIT');
    }
    return done;
  }

  for (const seed of [1, 2, 3, 4]) {
    test(`apply(invert(t), apply(t, s)) = s for a random history (seed ${seed})`, async (context) => {
      const random = new Random(seed);
      await makeHistory(random, 10);
      const start = await world.position();
      const was = await world.snapshot('rt');
      const done = await makeHistory(random, 60);
      const tail: Tail = world.tail(start);
      const rows = await world.undo(tail, random.pick([1000, 1024 * 1024]));
      context.diagnostic(`${done} statements, ${tail.surveys.length} transactions, ${rows} rows taken back`);
      assert.ok(rows > 100);
      assert.deepEqual(await world.snapshot('rt'), was);
    });
  }

  test('the readable SQL of a history does the same as the history, and its inverse undoes it', async (context) => {
    const random = new Random(5);
    const start = await world.position();
    const was = await world.snapshot('rt');
    await makeHistory(random, 80);
    const is = await world.snapshot('rt');
    const tail = world.tail(start);
    for (const name of triggers) await world.client.query(`DROP TRIGGER ${name}`);
    const undone = await world.runAsSql(tail.surveys, { direction: 'inverse', match: 'row' });
    assert.deepEqual(await world.snapshot('rt'), was);
    const done = await world.runAsSql(tail.surveys, { direction: 'forward' });
    assert.deepEqual(await world.snapshot('rt'), is);
    context.diagnostic(`${undone} statements undo ${done}`);
  });
});
