import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test, { after, before, beforeEach, describe } from 'node:test';
import { mysqlPrograms } from '../../src/sandbox/project.ts';
import { Random } from '../support/random.ts';
import { RollbackWorld, type LogPosition } from '../support/rollback-world.ts';

const withoutMysql = existsSync(mysqlPrograms.mysqld) ? false : 'MySQL is not installed here';

type Snapshot = Awaited<ReturnType<RollbackWorld['snapshot']>>;

const settings: readonly string[] = [
  "SET binlog_row_image = 'FULL', binlog_format = 'ROW', binlog_row_value_options = ''",
  'SET binlog_transaction_compression = 0',
  'SET sql_log_bin = 1',
];

const tables: readonly string[] = [
  'DROP DATABASE IF EXISTS rt',
  'CREATE DATABASE rt',
  'USE rt',
  'CREATE TABLE t (id INT PRIMARY KEY, n INT, j JSON)',
  'CREATE TABLE loose (n INT, j JSON)',
  'CREATE TABLE parent (id INT PRIMARY KEY)',
  'CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)',
  `INSERT INTO t VALUES (1, 1, '{"a": 1, "b": "a longer text so that a part is logged"}'), (2, 2, '[]'), (3, 3, NULL)`,
  `INSERT INTO loose VALUES (1, '{"a": 1, "b": "a longer text so that a part is logged"}')`,
  'INSERT INTO parent VALUES (1), (2)',
  'INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)',
  'CREATE TABLE many (id INT, n INT)',
  'INSERT INTO many WITH RECURSIVE q (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM q WHERE i < 400) SELECT i, i % 50 FROM q',
  'CREATE TABLE source (n INT)',
  `CREATE TRIGGER twice AFTER INSERT ON source FOR EACH ROW BEGIN
    UPDATE many SET n = n - 1 WHERE id % 2 = 0; UPDATE many SET n = n + 2 WHERE id > 400; END`,
];

const random = new Random(7);
const chainOfUpdates: readonly string[] = [
  'BEGIN',
  ...Array.from({ length: 1000 }, (_, i) => {
    const id = random.int(1, 400);
    return `UPDATE many SET n = n ${i % 2 === 0 ? '-' : '+'} 1 WHERE id BETWEEN ${id} AND ${id + 1}`;
  }),
  'COMMIT',
];

describe('what can be taken back and what cannot, on a real server', { skip: withoutMysql }, () => {
  let world: RollbackWorld;
  let start: LogPosition;
  let was: Snapshot;

  before(async () => {
    world = await RollbackWorld.start('127.79.0.3');
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await run(...settings, ...tables);
    start = await world.position();
    was = await world.snapshot('rt');
  });

  async function run(...statements: readonly string[]): Promise<void> {
    for (const sql of statements) await world.client.query(sql);
  }

  const undone: readonly [string, readonly string[]][] = [
    [
      'rows of a compressed transaction',
      ['SET binlog_transaction_compression = 1', 'INSERT INTO t SELECT id + 10, n, j FROM t'],
    ],
    [
      'the same row many times',
      ['BEGIN', ...Array.from({ length: 20 }, () => 'UPDATE loose SET n = n + 1'), 'COMMIT'],
    ],
    ['rows without a key that follow one another through updates', chainOfUpdates],
    ['rows that a trigger changes twice in one statement', ['INSERT INTO source VALUES (1), (2), (3)']],
    ['a key that goes around', ['UPDATE t SET id = -id', 'UPDATE t SET id = 4 + id']],
    [
      'a key that is swapped',
      [
        'BEGIN',
        'UPDATE t SET id = 9 WHERE id = 1',
        'UPDATE t SET id = 1 WHERE id = 2',
        'UPDATE t SET id = 2 WHERE id = 9',
        'COMMIT',
      ],
    ],
    [
      'savepoints',
      ['BEGIN', 'DELETE FROM t WHERE id = 1', 'SAVEPOINT a', 'DELETE FROM t', 'ROLLBACK TO a', 'COMMIT'],
    ],
    ['a parent whose children went with it', ['DELETE FROM parent WHERE id = 1']],
    [
      'parts of JSON documents, found by a key',
      ["SET binlog_row_value_options = 'PARTIAL_JSON'", "UPDATE t SET j = JSON_SET(j, '$.a', 2)"],
    ],
    ['an empty transaction', ['BEGIN', 'UPDATE t SET n = n', 'COMMIT']],
    ['FLUSH and ANALYZE', ['FLUSH TABLES', 'ANALYZE TABLE t', 'DELETE FROM t']],
    [
      'a temporary table',
      [
        'CREATE TEMPORARY TABLE tmp (a INT)',
        'INSERT INTO tmp VALUES (1)',
        'INSERT INTO t SELECT 50, a, NULL FROM tmp',
        'DROP TEMPORARY TABLE tmp',
      ],
    ],
    [
      'a committed XA transaction',
      ["XA START 'x'", 'DELETE FROM t', "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"],
    ],
    [
      'an XA transaction of one phase',
      ["XA START 'y'", 'DELETE FROM t', "XA END 'y'", "XA COMMIT 'y' ONE PHASE"],
    ],
    [
      'an XA transaction that was rolled back',
      [
        "XA START 'z'",
        'DELETE FROM t',
        "XA END 'z'",
        "XA PREPARE 'z'",
        "XA ROLLBACK 'z'",
        'DELETE FROM child',
      ],
    ],
    [
      'tagged transactions',
      ["SET gtid_next = 'AUTOMATIC:tag'", 'DELETE FROM t', "SET gtid_next = 'AUTOMATIC'"],
    ],
    [
      'rows with the statement beside them',
      ['SET binlog_rows_query_log_events = 1', 'DELETE FROM t', 'SET binlog_rows_query_log_events = 0'],
    ],
    [
      'REPLACE and ON DUPLICATE KEY',
      [
        'REPLACE INTO t VALUES (1, 7, NULL)',
        'INSERT INTO t VALUES (2, 0, NULL) ON DUPLICATE KEY UPDATE n = 99',
      ],
    ],
  ];
  for (const [name, statements] of undone) {
    test(`taken back: ${name}`, async () => {
      await run(...statements);
      await world.undo(world.tail(start));
      assert.deepEqual(await world.snapshot('rt'), was);
    });
  }

  const refused: readonly [string, string, readonly string[]][] = [
    ['a table made', 'statement', ['CREATE TABLE u (a INT)']],
    ['a table emptied', 'statement', ['TRUNCATE TABLE t']],
    ['a table made with its rows', 'statement', ['CREATE TABLE u SELECT * FROM t']],
    ['a user made', 'statement', ["CREATE USER IF NOT EXISTS 'someone'@'localhost'"]],
    [
      'rows changed by a statement',
      'statement',
      ["SET binlog_format = 'STATEMENT'", 'UPDATE t SET n = n + 1'],
    ],
    [
      'a statement with a session variable',
      'session-variable',
      ["SET binlog_format = 'STATEMENT'", 'SET @a = 5', 'UPDATE t SET n = @a'],
    ],
    ['an image of some columns', 'partial-image', ["SET binlog_row_image = 'MINIMAL'", 'UPDATE t SET n = 5']],
    [
      'parts of JSON documents without a key',
      'partial-json-without-key',
      ["SET binlog_row_value_options = 'PARTIAL_JSON'", "UPDATE loose SET j = JSON_SET(j, '$.a', 2)"],
    ],
    ['a table that is gone', 'table-missing', ['DELETE FROM t', 'SET sql_log_bin = 0', 'DROP TABLE t']],
    [
      'a table that is another',
      'table-changed',
      ['DELETE FROM t', 'SET sql_log_bin = 0', 'ALTER TABLE t ADD z INT'],
    ],
  ];
  for (const [name, reason, statements] of refused) {
    test(`refused: ${name}`, async () => {
      await run(...statements);
      const plan = await world.plan(world.tail(start));
      assert.equal(plan.kind === 'plan' ? 'plan' : plan.reason, reason);
    });
  }

  test('a prepared XA transaction is rolled back first, because it holds locks', async () => {
    await run("XA START 'w'", 'DELETE FROM t WHERE id = 1', "XA END 'w'", "XA PREPARE 'w'");
    const tail = world.tail(start);
    const plan = await world.plan(tail);
    assert.deepEqual(plan.kind === 'plan' && plan.rollbackXa, ["X'77',X'',1"]);
    await world.undo(tail);
    assert.deepEqual(await world.rows('XA RECOVER'), []);
    assert.deepEqual(await world.snapshot('rt'), was);
  });

  test('an XA COMMIT without its PREPARE is refused', async () => {
    await run("XA START 'v'", 'DELETE FROM t WHERE id = 1', "XA END 'v'", "XA PREPARE 'v'");
    const later = await world.position();
    await run("XA COMMIT 'v'");
    const plan = await world.plan(world.tail(later));
    assert.equal(plan.kind === 'plan' ? 'plan' : plan.reason, 'xa-commit-without-prepare');
  });
});

describe('a server that was started again', { skip: withoutMysql }, () => {
  test('its emptying of MEMORY tables is no errant change', async () => {
    await using world = await RollbackWorld.start('127.79.0.5');
    for (const sql of [...tables, 'CREATE TABLE mem (a INT) ENGINE = MEMORY', 'INSERT INTO mem VALUES (1)']) {
      await world.client.query(sql);
    }
    await world.restart();
    const start = await world.position();
    const was = await world.snapshot('rt');
    await world.client.query('DELETE FROM rt.t');
    const tail = world.tail({ ...start, offset: 0 });
    assert.match(
      String((await world.rows(`SHOW BINLOG EVENTS IN '${start.file}'`)).map((row) => String(row['Info']))),
      /generated by server/,
    );
    assert.equal(await world.undo(tail), 3);
    assert.deepEqual(await world.snapshot('rt'), was);
  });
});

describe('a server whose log has no cascades', { skip: withoutMysql }, () => {
  test('a change of a parent is refused, of any other table it is not', async () => {
    await using world = await RollbackWorld.start('127.79.0.4', { innodb_native_foreign_keys: 'ON' });
    for (const sql of tables) await world.client.query(sql);
    const first = await world.position();
    await world.client.query('DELETE FROM child WHERE id = 3');
    assert.equal((await world.plan(world.tail(first))).kind, 'plan');
    await world.client.query('DELETE FROM parent WHERE id = 1');
    const plan = await world.plan(world.tail(first));
    assert.equal(plan.kind === 'plan' ? 'plan' : plan.reason, 'cascade-not-logged');
  });
});
