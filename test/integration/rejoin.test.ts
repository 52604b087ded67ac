import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { tryDcmha } from '../../src/sandbox/run-dcmha.ts';
import { eventually } from '../support/eventually.ts';
import { Random } from '../support/random.ts';
import { idOf, ReturnStage } from '../support/return-stage.ts';
import { createTables, randomChange } from '../support/row-history.ts';

const shownSchema = z.object({
  transactions: z.array(
    z.looseObject({ changes: z.array(z.looseObject({ table: z.string(), primary: z.string() })) }),
  ),
});

/** An old primary returns with transactions that nobody else has. Tests share a sandbox; each leaves the group whole. */
describe('the return of an old primary with transactions of its own', () => {
  let stage: ReturnStage;
  const random = new Random(7);

  before(async () => {
    stage = await ReturnStage.start();
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE DATABASE rt',
      'USE rt',
      looseMode,
      ...tables(),
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  /** MyISAM has no transactions; it has its own case below. */
  const tables = () => createTables().map((sql) => sql.replace('ENGINE=MyISAM', 'ENGINE=InnoDB'));
  const looseMode = "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'";

  /** `cascades`: the server logs some of them so that its own replicas stop on them (1032). */
  function history(count: number, { cascades = false } = {}): string[] {
    const change = (): string => {
      const sql = randomChange(random);
      return cascades || !/\b(INTO|UPDATE|FROM|IGNORE) parent\b/.test(sql) ? sql : change();
    };
    const statements = ['USE rt'];
    for (let n = 0; n < count; n += 1) {
      statements.push(
        `SET binlog_row_value_options = '${random.pick(['', 'PARTIAL_JSON'])}'`,
        `SET binlog_transaction_compression = ${random.pick([0, 1])}`,
        'BEGIN',
        ...Array.from({ length: random.int(1, 4) }, change),
        'COMMIT',
      );
    }
    return statements;
  }

  /** What only the primary gets: `statements`, while nobody receives. Then it dies and another takes over. */
  async function diverge(statements: readonly string[]): Promise<{ old: string; primary: string }> {
    const old = await stage.sandbox.untilPrimary();
    await stage.tryAll(old, [looseMode, ...history(5)]);
    const ends = await stage.diverge([looseMode, ...statements], { tolerant: true });
    await stage.tryAll(ends.primary, [looseMode, ...history(20)]);
    return ends;
  }

  it('takes back what many kinds of tables got, and is the same as the others', async (context) => {
    const { old } = await diverge(history(60, { cascades: true }));
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    await stage.allEqual();
    const [directory = ''] = stage.savedSets(old).slice(-1);
    const { record, sql } = stage.lastSaved(old);
    context.diagnostic(`${record.transactions.length} transactions, ${record.gtids}`);
    assert.ok(record.transactions.length >= 50);
    for (const { gtid, file } of record.transactions) {
      assert.ok(sql.includes(`-- ${gtid} of`), `${gtid}`);
      assert.ok(existsSync(path.join(directory, file)));
    }
    const last = await stage.lastReturn(old);
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
    context.diagnostic(`${last?.rows} rows taken back, ${last?.tookMs} ms in all`);
  });

  it('shows, tries and puts back what was taken back, as far as the primary still has the rows as they were', async () => {
    const names = (statements: readonly string[]) => ['USE app', ...statements];
    await stage.run(
      await stage.sandbox.untilPrimary(),
      ...names([
        'CREATE TABLE notes (id INT PRIMARY KEY, t VARCHAR(20))',
        "INSERT INTO notes VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')",
      ]),
    );
    const { old, primary } = await diverge(
      names([
        "INSERT INTO notes VALUES (10, 'ten')",
        "UPDATE notes SET t = 'TWO' WHERE id = 2",
        "UPDATE notes SET t = 'THREE' WHERE id = 3",
        'DELETE FROM notes WHERE id = 4',
      ]),
    );
    await stage.run(primary, ...names(["UPDATE notes SET t = 'other' WHERE id = 3"]));
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    const config = path.join(stage.hostDirectory(old), 'dcmha.yaml');
    const rollback = (...args: string[]) =>
      tryDcmha({ ...stage.sandbox.state, config }, ['rollback', ...args]);
    const { stdout: listed } = await rollback('list', '--json');
    const sets = z.array(z.looseObject({ name: z.string() })).parse(JSON.parse(listed));
    const name = sets.at(-1)?.name ?? '';
    const states = async () => {
      const { stdout, stderr } = await rollback('show', name, '--json');
      assert.equal(stderr, '');
      return shownSchema
        .parse(JSON.parse(stdout))
        .transactions.flatMap(({ changes }) => changes)
        .filter(({ table }) => table === 'app.notes')
        .map(({ primary: state }) => state);
    };
    assert.deepEqual(await states(), ['absent', 'different', 'different', 'same']);
    const shown = await rollback('show', name);
    assert.match(shown.stdout, /different {2}UPDATE `app`.`notes` SET `t` = 'TWO'/);
    const notes = async () =>
      (await stage.sandbox.query(primary, 'SELECT id, t FROM app.notes ORDER BY id')).map((row) => [
        Number(row['id']),
        String(row['t']),
      ]);
    const before = await notes();
    const dry = await rollback('reapply', name);
    assert.match(dry.stdout, /would be applied, 1 rows[^]*refused: the row is not there as it was/);
    assert.deepEqual(await notes(), before);
    assert.equal(dry.status, 1);
    const done = await rollback('reapply', name, '--yes');
    assert.equal(done.stdout.match(/applied, 1 rows/g)?.length, 3, done.stdout);
    assert.match(
      done.stdout,
      /refused: the row is not there as it was[^]*UPDATE `app`.`notes` SET `t` = 'THREE'/,
    );
    assert.deepEqual(await notes(), [
      [1, 'one'],
      [2, 'TWO'],
      [3, 'other'],
      [10, 'ten'],
    ]);
    const again = await rollback('reapply', name, '--yes');
    assert.equal(again.stdout.match(/refused/g)?.length, 4, again.stdout);
    assert.match((await rollback('export', name)).stdout, /INSERT INTO `app`.`notes`/);
    for (const [args, status, text] of [
      [['discard', name], 64, /Say --yes/],
      [['show', 'nothing'], 64, /nothing is saved as "nothing"/],
      [['show', name, '--gtids', 'nonsense'], 65, /nonsense/],
      [['frobnicate'], 64, /no action "frobnicate": list, show/],
    ] as const) {
      const result = await rollback(...args);
      assert.match(result.stderr, text);
      assert.equal(result.stderr.trim().split('\n').length, 1);
      assert.equal(result.status, status, result.stderr);
    }
    assert.equal((await rollback('discard', name, '--yes')).status, 0);
    assert.equal(existsSync(path.join(stage.hostDirectory(old), 'salvage', name)), false);
    await stage.allEqual();
  });

  it('takes back a hundred thousand rows and a row that is bigger than a packet', async (context) => {
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, n INT, t VARCHAR(40), b LONGBLOB)',
      "INSERT INTO app.big (n, t) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
      ...Array.from({ length: 14 }, () => 'INSERT INTO app.big (n, t) SELECT n + id, t FROM app.big'),
    );
    const { old } = await diverge([
      'UPDATE app.big SET n = n + 1',
      'INSERT INTO app.big (n, t) SELECT n, t FROM app.big',
      'DELETE FROM app.big WHERE id % 7 = 0',
      "INSERT INTO app.big (b) VALUES (REPEAT(X'00ff27', 16000000))",
    ]);
    await stage.sandbox.start('mysqld', old);
    await stage.untilReplicating(old);
    await stage.allEqual();
    const last = await stage.lastReturn(old);
    context.diagnostic(JSON.stringify(last));
    assert.ok((last?.rows ?? 0) > 100_000);
    const [packet] = await stage.sandbox.query(old, 'SELECT @@GLOBAL.max_allowed_packet AS bytes');
    assert.equal(packet?.['bytes'], 64 * 1024 * 1024);
  });

  it('finishes the same return though its agent and its server are killed in each step', async (context) => {
    const { old } = await diverge(history(200, { cascades: true }));
    const log = path.join(stage.hostDirectory(old), 'agent.log');
    const from = readFileSync(log).length;
    const seen = (text: string) => readFileSync(log).subarray(from).toString('utf8').includes(text);
    await stage.sandbox.start('mysqld', old);
    for (const [moment, step, what] of [
      ['started', 'save', 'agent'],
      ['ended', 'save', 'agent'],
      ['started', 'roll-back', 'mysqld'],
      ['ended', 'roll-back', 'agent'],
      ['started', 'reset', 'agent'],
      ['ended', 'reset', 'mysqld'],
      ['started', 'verify', 'agent'],
    ] as const) {
      const line = new RegExp(`"step ${moment}".*"step":"${step}"`);
      await eventually(() => line.test(readFileSync(log).subarray(from).toString('utf8')), {
        timeoutMs: 40_000,
        everyMs: 2,
      });
      await stage.sandbox.kill(what, old);
      context.diagnostic(`${what} killed when ${step} had ${moment}`);
      await stage.sandbox.start(what, old);
    }
    await stage.untilReplicating(old);
    await stage.allEqual();
    assert.ok(seen('this server is back as a replica'));
    assert.equal(stage.savedSets(old).filter((name) => name.endsWith('.saving')).length, 0);
    const last = await stage.lastReturn(old);
    assert.deepEqual([last?.kind, last?.result, last?.from], ['rejoin', 'done', idOf(old)]);
  });

  it('destroys nothing when it cannot save, says why, and goes on when it can', async () => {
    const { old } = await diverge(history(10));
    const obstacle = path.join(stage.hostDirectory(old), 'salvage', 'g1', idOf(old));
    rmSync(obstacle, { recursive: true, force: true });
    mkdirSync(path.dirname(obstacle), { recursive: true });
    writeFileSync(obstacle, 'not a directory');
    await stage.sandbox.start('mysqld', old);
    const before = await stage.executed(old);
    await eventually(
      async () => assert.equal((await stage.serverOf(old))?.replication.split(',')[0], 'errant'),
      {
        timeoutMs: 40_000,
        everyMs: 300,
      },
    );
    assert.match(
      readFileSync(path.join(stage.hostDirectory(old), 'agent.log'), 'utf8'),
      /stays out, read-only.*cannot save transactions in/,
    );
    assert.equal(await stage.executed(old), before);
    rmSync(obstacle);
    await stage.untilReplicating(old);
    await stage.allEqual();
    assert.equal(stage.savedSets(old).length, 1);
  });

  it('stays out with the reason when a transaction cannot be taken back, saved all the same', async () => {
    const { old } = await diverge([
      ...history(5),
      'CREATE TABLE rt.extra (id INT PRIMARY KEY)',
      'INSERT INTO rt.extra VALUES (1)',
    ]);
    await stage.sandbox.start('mysqld', old);
    const before = await stage.executed(old);
    await eventually(
      async () => assert.equal((await stage.serverOf(old))?.replication.split(',')[0], 'errant'),
      {
        timeoutMs: 40_000,
        everyMs: 300,
      },
    );
    const last = await eventually(
      async () => {
        const found = await stage.lastReturn(old);
        assert.equal(found?.result, 'stays-out');
        return found;
      },
      { timeoutMs: 10_000 },
    );
    assert.match(last.why ?? '', /CREATE TABLE rt\.extra .*\(statement\).*saved in .*dcmha rollback show/);
    assert.equal(await stage.executed(old), before);
    assert.deepEqual(await stage.sandbox.query(old, 'SELECT id FROM rt.extra'), [{ id: 1 }]);
    const sets = stage.savedSets(old);
    const [directory = ''] = sets.slice(-1);
    assert.match(readFileSync(path.join(directory, 'transactions.sql'), 'utf8'), /CREATE TABLE rt\.extra/);
    const log = path.join(stage.hostDirectory(old), 'agent.log');
    const from = readFileSync(log).length;
    await stage.sandbox.kill('agent', old);
    await stage.sandbox.start('agent', old);
    await eventually(
      () =>
        assert.match(readFileSync(log).subarray(from).toString('utf8'), /this server stays out, read-only/),
      { timeoutMs: 20_000 },
    );
    assert.deepEqual(stage.savedSets(old), sets, 'it is not saved twice');
    assert.equal(await stage.executed(old), before);
  });
});
