import assert from 'node:assert/strict';
import { readFile, rm, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import mysql, { type Connection } from 'mysql2/promise';
import { BinlogFiles } from '../../src/adapters/fs/binlog-files.ts';
import { FileIndexer, indexBinlogFile, TransactionIndex } from '../../src/core/binlog/transaction-index.ts';
import { parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import type { BinlogFile } from '../../src/ports/binlog-source.ts';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { eventually } from '../support/eventually.ts';

const connect = ({ socket, passwords }: MysqldHandle): Promise<Connection> =>
  mysql.createConnection({
    socketPath: socket,
    user: 'root',
    password: passwords.root,
    multipleStatements: true,
  });

/** Writers that stop when their server is killed under them. */
async function writeUntilKilled(server: MysqldHandle): Promise<void> {
  const writers = await Promise.all([1, 2, 3, 4].map(() => connect(server)));
  const work = writers.map(async (connection, writer) => {
    connection.on('error', () => undefined); // the kill
    for (let n = 0; ; n++) {
      await connection.query(
        `BEGIN; INSERT INTO app.t (w, v) VALUES (${writer}, REPEAT('x', ${(n * 37) % 3000})), (${writer}, NULL); COMMIT`,
      );
      if (n % 7 === 0) await connection.query("UPDATE app.t SET v = 'changed' WHERE id = LAST_INSERT_ID()");
    }
  });
  const settled = Promise.allSettled(work);
  const before = await lastBinlog(server);
  await eventually(async () => (await lastBinlog(server)).sizeBytes > before.sizeBytes + 100_000, {
    timeoutMs: 30_000,
  });
  await server.kill();
  await settled;
}

async function lastBinlog(server: MysqldHandle): Promise<BinlogFile> {
  return (await binlogs(server).list()).at(-1)!;
}

const binlogs = (server: MysqldHandle): BinlogFiles =>
  new BinlogFiles({ indexFile: path.join(server.dataDir, 'binlog.index') });

async function indexAll(server: MysqldHandle): Promise<TransactionIndex> {
  const source = binlogs(server);
  const files = [];
  for (const { name } of await source.list()) {
    await using file = await source.open(name);
    files.push(await indexBinlogFile(file.read(0), { file: name }));
  }
  return new TransactionIndex(files);
}

async function executed(server: MysqldHandle): Promise<string> {
  const connection = await connect(server);
  const [rows] = await connection.query('SELECT @@GLOBAL.gtid_executed AS gtids');
  await connection.end();
  return (rows as { gtids: string }[])[0]!.gtids;
}

test('after a kill the binlog ends where crash recovery cuts it, with the transactions it commits', async (t) => {
  const dir = makeScratch();
  t.after(() => rm(dir, { recursive: true, force: true }));
  const settings = { dir: path.join(dir, 'mysqld'), host: '127.78.0.1', port: 33783, serverId: 7803 };
  await using server = await startMysqld(settings);
  const connection = await connect(server);
  await connection.query(
    'SET GLOBAL read_only = OFF; CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, w INT, v TEXT)',
  );
  await connection.end();
  // The last bytes of a file that a crash of the whole host left may be missing: cut off some, a number that hits any part of an event.
  for (const cut of [0, 1, 40, 333, 2222]) {
    if (cut > 0) {
      const opened = await connect(server);
      await opened.query('SET GLOBAL read_only = OFF');
      await opened.end();
    }
    await writeUntilKilled(server);
    const last = await lastBinlog(server);
    const file = path.join(server.dataDir, last.name);
    await truncate(file, last.sizeBytes - cut);
    const index = await indexAll(server);
    const { end, format } = index.files.at(-1)!;
    assert.equal(format?.inUse, true);
    await server.start();
    assert.equal((await stat(file)).size, end.offset, `cut ${cut}: ${await readFile(server.log, 'utf8')}`);
    const sound = index.previousGtids.union(index.gtids);
    const told = parseGtidSet(await executed(server));
    // A transaction that InnoDB had already committed stays executed, even when the log lost it.
    assert.ok(told.contains(sound), `cut ${cut}: ${sound.toString()} is not in ${told.toString()}`);
    if (cut === 0) assert.equal(told.toString(), sound.toString());
  }
});

test('a binlog is followed while its server writes it', async (t) => {
  const dir = makeScratch();
  t.after(() => rm(dir, { recursive: true, force: true }));
  await using server = await startMysqld({
    dir: path.join(dir, 'mysqld'),
    host: '127.78.0.1',
    port: 33784,
    serverId: 7804,
  });
  const connection = await connect(server);
  await connection.query(
    'SET GLOBAL read_only = OFF; CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)',
  );
  const { name } = await lastBinlog(server);
  await using file = await binlogs(server).open(name);
  const indexer = new FileIndexer({ file: name });
  let at = 0;
  const follow = async (): Promise<void> => {
    for await (const chunk of file.read(at)) {
      indexer.push(chunk);
      at += chunk.length;
    }
  };
  const writer = { isDone: false };
  const writing = (async () => {
    for (let n = 0; n < 300; n++)
      await connection.query(`INSERT INTO app.t (v) VALUES (REPEAT('v', ${n * 50}))`);
    writer.isDone = true;
  })();
  const seen = new Set<number>();
  while (!writer.isDone) {
    await follow();
    seen.add(indexer.finish().transactions.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
  await follow();
  const { transactions, gtids, end } = indexer.finish();
  assert.ok(seen.size > 20, `seen at ${seen.size} moments`);
  assert.equal(transactions.length, 301);
  assert.deepEqual(end, { offset: (await lastBinlog(server)).sizeBytes });
  assert.equal(gtids.toString(), await executed(server));
  await connection.end();
});
