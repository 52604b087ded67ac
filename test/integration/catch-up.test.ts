import assert from 'node:assert/strict';
import { copyFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { recordings } from '../../scripts/fixtures/recordings.ts';
import { BinlogFiles } from '../../src/adapters/fs/binlog-files.ts';
import { surveyTail } from '../../src/core/catch-up/survey-tail.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { CatchUpWorld } from '../support/catch-up-world.ts';
import { eventually } from '../support/eventually.ts';
import { Random } from '../support/random.ts';
import { createTables, randomChange } from '../support/row-history.ts';

const zeroDates = "SET sql_mode = 'NO_ENGINE_SUBSTITUTION'";

/** Half a hundred changes of tables of all column types. */
function history(seed: number): readonly string[] {
  const random = new Random(seed);
  return Array.from({ length: 60 }, () => randomChange(random));
}

describe('a replica that fetches from the files of its dead primary', () => {
  let world: CatchUpWorld;

  before(async () => {
    world = await CatchUpWorld.start('127.84.1');
    await world.run([zeroDates, 'CREATE DATABASE rb; USE rb', ...createTables(), ...history(1)], {
      mayFail: true,
    });
    await world.replicate();
  });

  after(() => world[Symbol.asyncDispose]());

  async function expectSame(): Promise<void> {
    await world.primary.start();
    const [theirs, ours] = [await world.executed(world.primary), await world.executed(world.replica)];
    assert.equal(ours.toCompactString(), theirs.toCompactString());
    assert.deepEqual(await world.checksums(world.replica), await world.checksums(world.primary));
    await world.run(['SET GLOBAL super_read_only = OFF, read_only = OFF']);
  }

  it('gets every kind of event as it was, over several files and both checksum settings', async () => {
    await world.run(['CREATE DATABASE IF NOT EXISTS fx']);
    for (const { files } of recordings) {
      for (const statements of files) {
        await world.run(statements);
        await world.run(['FLUSH BINARY LOGS']);
      }
    }
    await world.run([zeroDates, 'USE rb', 'SET SESSION binlog_transaction_compression = ON', ...history(2)], {
      mayFail: true,
    });
    await world.run(
      [zeroDates, 'USE rb', "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'", ...history(3)],
      {
        mayFail: true,
      },
    );
    await world.run([
      "XA START 'left'; INSERT INTO fx.t (id, v) VALUES (900, 'x'); XA END 'left'; XA PREPARE 'left'",
    ]);
    await world.primary.kill();
    const tail = await world.catchUp();
    assert.ok(
      tail.transactions > 100 && tail.files.length > 5,
      `${tail.transactions} in ${tail.files.length}`,
    );
    const prepared = await world.query(world.replica, 'XA RECOVER');
    assert.deepEqual(
      prepared.map((row) => String(row['data'])),
      ['left'],
    );
    await world.primary.start();
    for (const server of [world.primary, world.replica]) {
      await world.query(server, "SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; XA ROLLBACK 'left'");
      await world.query(server, 'SET GLOBAL super_read_only = ON');
    }
    await expectSame();
  });

  it('gets a transaction of 200 MB, though the service breaks off in the middle of it', async () => {
    await world.run([
      'CREATE TABLE app.large (id INT PRIMARY KEY, b LONGBLOB)',
      `BEGIN; INSERT INTO app.large VALUES ${Array.from({ length: 12 }, (_, n) => `(${n}, REPEAT(CHAR(${n + 65}), 1048576 * 8))`).join(', ')};
       INSERT INTO app.large VALUES (99, REPEAT('large', 1048576 * 20)); COMMIT`,
      "INSERT INTO app.large VALUES (100, 'after')",
    ]);
    await world.primary.kill();
    const tail = await world.survey();
    assert.ok(tail.sizeBytes > 200_000_000);
    const before = process.memoryUsage().rss;
    const offer = await world.offer(tail);
    let asked = 0;
    const broken = { ...offer, mayServe: () => (asked += 1) < 80 };
    const listener = await world.listen(broken);
    await world.attach();
    await eventually(() => asked >= 80, { timeoutMs: 30_000 });
    await listener[Symbol.asyncDispose]();
    await world.fetch(tail, offer);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 200_000_000, `${Math.round(grown / 1e6)} MB more`);
    await expectSame();
  });

  it('gets nothing, and no error, when nothing is missing', async () => {
    await world.replicate();
    await world.primary.kill();
    const tail = await world.catchUp();
    assert.equal(tail.transactions, 0);
    await expectSame();
  });

  it('gets what a primary has that lives and is read-only', async () => {
    await world.run(['CREATE TABLE app.alive (id INT PRIMARY KEY)', 'INSERT INTO app.alive VALUES (1), (2)']);
    await world.run(['SET GLOBAL super_read_only = ON']);
    const tail = await world.catchUp();
    assert.equal(tail.transactions, 2);
    await expectSame();
  });

  it('is refused when the files that it needs are purged, and told which transactions that are', async () => {
    await world.run(['CREATE TABLE app.purged (id INT PRIMARY KEY)', 'FLUSH BINARY LOGS']);
    await world.run([
      'INSERT INTO app.purged VALUES (1)',
      'FLUSH BINARY LOGS',
      'INSERT INTO app.purged VALUES (2)',
    ]);
    const have = await world.executed(world.replica);
    const needed = (await world.executed(world.primary)).subtract(have);
    const [status] = await world.query(world.primary, 'SHOW BINARY LOG STATUS');
    await world.run([`PURGE BINARY LOGS TO '${String(status?.['File'])}'`]);
    const survey = await surveyTail(world.files(), { have });
    assert.ok(survey.kind === 'gap');
    assert.ok(needed.contains(survey.gtids) && survey.gtids.count() === 2n);
  });
});

describe('a replica that fetches over TLS', () => {
  it('takes the self-signed certificate and the same events, with more appliers than usual', async () => {
    await using world = await CatchUpWorld.start('127.84.2', { ssl: true });
    await world.run(['CREATE TABLE app.t (id INT PRIMARY KEY, b LONGBLOB)']);
    await world.run([
      "INSERT INTO app.t VALUES (1, REPEAT('x', 3000000)), (2, 'y')",
      'INSERT INTO app.t VALUES (3, NULL)',
    ]);
    await world.primary.kill();
    const tail = await world.survey();
    const listener = await world.listen(await world.offer(tail));
    await world.attach();
    const [row] = await world.query(world.replica, "SHOW REPLICA STATUS FOR CHANNEL 'dcmha_catchup'");
    assert.equal(row?.['Source_SSL_Allowed'], 'Yes');
    const counts = `SELECT @@GLOBAL.replica_parallel_workers AS usual, COUNT(*) AS here
      FROM performance_schema.replication_applier_status_by_worker WHERE CHANNEL_NAME = 'dcmha_catchup'`;
    const [workers] = await world.query(world.replica, counts);
    assert.deepEqual([Number(workers?.['usual']), Number(workers?.['here'])], [4, 16]);
    await world.untilExecuted(tail);
    await world.detach();
    await listener[Symbol.asyncDispose]();
    assert.equal(tail.transactions, 3);
    const [count] = await world.query(
      world.replica,
      'SELECT COUNT(*) AS n, SUM(LENGTH(b)) AS bytes FROM app.t',
    );
    assert.deepEqual([Number(count?.['n']), Number(count?.['bytes'])], [3, 3_000_001]);
  });
});

describe('a binlog whose end a crash tore', () => {
  it('is served up to its last whole transaction, torn at fifty offsets', async () => {
    await using world = await CatchUpWorld.start('127.84.3');
    await world.run([zeroDates, 'CREATE DATABASE rb; USE rb', ...createTables()], { mayFail: true });
    await world.replicate();
    await world.run([zeroDates, 'USE rb', ...history(7), ...history(8)], { mayFail: true });
    await world.primary.kill();
    const whole = await world.survey();
    const last = whole.files.at(-1)!;
    const dir = makeScratch();
    try {
      await writeFile(path.join(dir, 'binlog.index'), `./${last.name}\n`);
      const files = new BinlogFiles({ indexFile: path.join(dir, 'binlog.index') });
      const random = new Random(11);
      const size = last.end - last.start;
      const offsets = Array.from({ length: 50 }, () => last.start + random.int(0, size)).sort(
        (a, b) => a - b,
      );
      let transactions = 0;
      for (const [at, offset] of offsets.entries()) {
        await copyFile(path.join(world.primary.dataDir, last.name), path.join(dir, last.name));
        await truncate(path.join(dir, last.name), offset);
        // Every other time with zeros, as a file system leaves what had not reached the disk.
        if (at % 2 === 1) await truncate(path.join(dir, last.name), offset + random.int(1, 5000));
        const tail = await world.survey(files);
        assert.ok(last.name !== '' && (tail.files[0]?.end ?? 0) <= offset);
        if (tail.transactions > 0) await world.catchUp(files);
        transactions += tail.transactions;
        assert.ok((await world.survey(files)).missing.isEmpty());
      }
      assert.ok(transactions > 20, `${transactions}`);
      await world.catchUp();
      await world.primary.start();
      assert.deepEqual(await world.checksums(world.replica), await world.checksums(world.primary));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
