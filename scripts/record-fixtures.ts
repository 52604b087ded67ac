// Records fixtures/binlog/* from the MySQL that `make setup` got: node --import tsx scripts/record-fixtures.ts
// Each file comes with what that version's `mysqlbinlog -v` prints of it. A new recording has other UUIDs and times; review it as a diff.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import mysql, { type Connection } from 'mysql2/promise';
import { startMysqld, type MysqldHandle } from '../src/sandbox/mysqld.ts';
import { PROJECT } from '../src/sandbox/project.ts';
import { makeScratch } from '../src/sandbox/scratch.ts';
import { recordings, type Recording } from './fixtures/recordings.ts';

const run = promisify(execFile);
const TARGET = path.join(PROJECT, 'fixtures/binlog');
const MYSQLBINLOG = path.join(PROJECT, '.sandbox/mysql/bin/mysqlbinlog');

// What LOAD DATA LOCAL sends.
const rowsToLoad = (): Readable => Readable.from([Buffer.from('erste Zeile\nzweite Zeile\n')]);

const dir = makeScratch();
try {
  await mkdir(TARGET, { recursive: true });
  await using server = await startMysqld({
    dir: path.join(dir, 'mysqld'),
    host: '127.78.0.1',
    port: 33781,
    serverId: 7801,
    options: {
      super_read_only: 'OFF',
      read_only: 'OFF',
      local_infile: 'ON',
      innodb_native_foreign_keys: 'OFF',
    },
  });
  for (const recording of recordings) await record(server, recording);
} finally {
  await rm(dir, { recursive: true, force: true });
}

async function record(server: MysqldHandle, recording: Recording): Promise<void> {
  const files: string[] = [];
  for (const [index, statements] of recording.files.entries()) {
    const connection = await connect(server);
    if (index === 0) await connection.query('SET GLOBAL read_only = OFF; FLUSH BINARY LOGS');
    for (const statement of statements)
      await connection.query({ sql: statement, infileStreamFactory: rowsToLoad });
    files.push(await currentFile(connection));
    const isLast = index === recording.files.length - 1;
    if (!isLast || recording.ending === 'closed') await connection.query('FLUSH BINARY LOGS');
    connection.destroy();
  }
  if (recording.ending === 'killed') await server.kill();
  for (const [index, file] of files.entries())
    await keep(server, file, `${recording.name}.${String(index + 1).padStart(6, '0')}`);
}

async function connect(server: MysqldHandle): Promise<Connection> {
  return mysql.createConnection({
    socketPath: server.socket,
    user: 'root',
    password: server.passwords.root,
    multipleStatements: true,
  });
}

async function currentFile(connection: Connection): Promise<string> {
  const [rows] = await connection.query('SHOW BINARY LOG STATUS');
  const [row] = rows as { File: string }[];
  if (row === undefined) throw new Error('no binary log');
  return row.File;
}

async function keep(server: MysqldHandle, file: string, name: string): Promise<void> {
  const target = path.join(TARGET, name);
  await copyFile(path.join(server.dataDir, file), target);
  const options = ['--no-defaults', '-v', '--base64-output=decode-rows', `--local-load=${dir}`];
  const { stdout } = await run(MYSQLBINLOG, [...options, target], {
    env: { ...process.env, TZ: 'UTC' },
    encoding: 'buffer',
    maxBuffer: 1 << 28,
  });
  // Where it leaves the data of LOAD DATA differs from run to run.
  const text = stdout.toString('latin1').replaceAll(new RegExp(`'${dir}[^']*'`, 'g'), "'SQL_LOAD_MB'");
  await writeFile(`${target}.txt.gz`, gzipSync(Buffer.from(text, 'latin1'), { level: 9 }));
  process.stdout.write(`${name} ${(await readFile(target)).length} bytes\n`);
}
