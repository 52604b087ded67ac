import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql, { type Connection } from 'mysql2/promise';
import { BinlogFiles } from '../../src/adapters/fs/binlog-files.ts';
import { createRollback } from '../../src/adapters/mysql/rollback.ts';
import { loadZstd } from '../../src/adapters/system/zstd.ts';
import { surveyErrant } from '../../src/core/rejoin/survey-errant.ts';
import { judgeErrant } from '../../src/core/rejoin/judge.ts';
import { invertTransactions } from '../../src/core/salvage/invert.ts';
import { inverseFormat } from '../../src/core/salvage/inverse-events.ts';
import { EventReader } from '../../src/core/salvage/read-places.ts';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { PROJECT } from '../../src/sandbox/project.ts';
import { figureOf, median, type Figure } from './figure.ts';
import {
  checksum,
  createTable,
  record,
  ROWS,
  type Bench,
  type Kind,
  type Recorded,
} from './rollback-workload.ts';

const execute = promisify(execFile);
const programs = path.join(PROJECT, '.sandbox/mysql/bin');
const BATCH = 100;
const IDLE_MS = 400;
const IDLE_LIMIT_MS = 20_000;
const MINUTES = { timeoutMs: 600_000 };

interface BenchOptions {
  readonly dir: string;
  readonly runs: number;
}

interface Pairing {
  readonly transactions: number;
  readonly undone: Kind;
  /** What taking it back does. */
  readonly like: Kind;
}

interface Spent {
  readonly ms: number;
  /** Of mysqld. */
  readonly cpuMs: number;
}

/** How each recording was taken back and applied, run by run. */
interface Timed {
  readonly mine: Spent[];
  readonly its: Spent[];
}

/**
 * How fast 100 000 rows are taken back, over `mysqlbinlog | mysql` as it makes the same changes to the same rows of the same server, turn
 * about, both durable and neither logged: to take inserts back is to delete, so it is held against a binlog of deletes. Taking back is
 * everything after the save: survey of the files, inversion, and the rows on the server.
 */
export async function rollbackFigures({ dir, runs }: BenchOptions): Promise<readonly Figure[]> {
  await using server = await startMysqld({
    dir: path.join(dir, 'rollback'),
    host: '127.84.9.13',
    port: 3306,
    serverId: 13,
    options: { innodb_buffer_pool_size: '256M', innodb_redo_log_capacity: '512M' },
  });
  const client = await connect(server);
  await client.query('SET GLOBAL read_only = OFF');
  const figures: Figure[] = [];
  for (const transactions of [1, ROWS / BATCH]) {
    figures.push(...(await figuresOf({ server, client, dir, transactions }, runs)));
  }
  client.destroy();
  return figures;
}

/** Inserts and deletes of one table lead back to where the others began, so they take turns; the updates begin where they end. */
async function figuresOf(bench: Bench, runs: number): Promise<readonly Figure[]> {
  await createTable(bench.client);
  const inserts = await record(bench, 'insert');
  const deletes = await record(bench, 'delete');
  const timed = { insert: newTimed(), update: newTimed(), delete: newTimed() };
  for (let n = 0; n < runs; n++) {
    timed.delete.mine.push(await run(bench, deletes, 'take back'));
    timed.insert.mine.push(await run(bench, inserts, 'take back'));
    timed.insert.its.push(await run(bench, inserts, 'apply'));
    timed.delete.its.push(await run(bench, deletes, 'apply'));
  }
  await run(bench, inserts, 'apply');
  const updates = await record(bench, 'update');
  for (let n = 0; n < runs; n++) {
    timed.update.mine.push(await run(bench, updates, 'take back'));
    timed.update.its.push(await run(bench, updates, 'apply'));
  }
  const { transactions } = bench;
  return [
    figureFor({ transactions, undone: 'insert', like: 'delete' }, timed),
    figureFor({ transactions, undone: 'update', like: 'update' }, timed),
    figureFor({ transactions, undone: 'delete', like: 'insert' }, timed),
  ];
}

function newTimed(): Timed {
  return { mine: [], its: [] };
}

function figureFor({ transactions, undone, like }: Pairing, timed: Readonly<Record<Kind, Timed>>): Figure {
  const { mine, its: forward } = timed[undone];
  const { its } = timed[like];
  const seconds = (spent: readonly Spent[], key: keyof Spent): string =>
    `${(median(spent.map((one) => one[key])) / 1000).toFixed(2)} s`;
  const ratios = (other: readonly Spent[]): number[] => mine.map(({ ms }, n) => (other[n]?.ms ?? 0) / ms);
  const many = transactions === 1 ? 'one transaction' : `${transactions} transactions`;
  const detail = [
    `median ${seconds(mine, 'ms')} against ${seconds(its, 'ms')} for ${like}s by the pipe`,
    `CPU of mysqld ${seconds(mine, 'cpuMs')} against ${seconds(its, 'cpuMs')}`,
    `over the pipe with the ${undone}s themselves, ${seconds(forward, 'ms')}: ${median(ratios(forward)).toFixed(2)} x`,
  ];
  return figureOf(ratios(its), {
    name: `rollback of ${ROWS} rows, ${undone}s in ${many}`,
    unit: 'x mysqlbinlog | mysql',
    target: 1,
    detail: detail.join('; '),
  });
}

/** Takes a recording back or applies it again, on a server that rests; the table must be what it is to be afterwards. */
async function run(
  { server, client }: Bench,
  recorded: Recorded,
  what: 'take back' | 'apply',
): Promise<Spent> {
  await untilIdle(server);
  const cpu = await cpuOf(server);
  const began = performance.now();
  await (what === 'apply' ? applyAgain(server, recorded) : takeBack(server, recorded));
  const spent = { ms: performance.now() - began, cpuMs: (await cpuOf(server)) - cpu };
  const found = await checksum(client);
  const wanted = what === 'apply' ? recorded.after : recorded.before;
  if (found !== wanted) throw new Error(`the table's checksum is ${found} instead of ${wanted}`);
  return spent;
}

/** What was deleted before must not be cleaned up on somebody's time: waits until the server rests. */
async function untilIdle(server: MysqldHandle): Promise<void> {
  const end = performance.now() + IDLE_LIMIT_MS;
  while (performance.now() < end) {
    const before = await cpuOf(server);
    await setTimeout(IDLE_MS);
    if ((await cpuOf(server)) - before <= IDLE_MS / 20) return;
  }
}

async function cpuOf(server: MysqldHandle): Promise<number> {
  const fields = (await readFile(`/proc/${server.pid() ?? 0}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function takeBack(server: MysqldHandle, { dir, gtids }: Recorded): Promise<void> {
  const at = { host: server.host, port: server.port };
  const decompress = await loadZstd();
  const source = new BinlogFiles({ indexFile: path.join(dir, 'binlog.index') });
  const rollback = createRollback({
    user: 'dcmha',
    password: server.passwords.dcmha,
    ssl: undefined,
    socketOf: () => undefined,
    secrets: [],
  });
  const [standing, found] = await Promise.all([
    rollback.standing(at, MINUTES),
    surveyErrant(source, gtids, decompress),
  ]);
  const verdict = judgeErrant(found, standing);
  if (verdict.kind === 'not-invertible') throw new Error(verdict.obstacle.what);
  await using reader = new EventReader(source, decompress);
  const rows = await rollback.takeBack(
    at,
    {
      id: randomUUID(),
      format: found.format === undefined ? undefined : inverseFormat(found.format),
      rollbackXa: verdict.rollbackXa,
      chunks: invertTransactions(verdict.undo, reader.read),
      largestBytes: 0,
    },
    MINUTES,
  );
  if (rows !== ROWS) throw new Error(`${rows} rows were taken back`);
}

async function applyAgain(server: MysqldHandle, { dir }: Recorded): Promise<void> {
  const files = new BinlogFiles({ indexFile: path.join(dir, 'binlog.index') });
  const names = (await files.list()).map(({ name }) => path.join(dir, name));
  const pipe = `set -o pipefail; "$0" --no-defaults --skip-gtids --disable-log-bin "\${@:3}" |
    MYSQL_PWD="$SECRET" "$1" --no-defaults -uroot -S "$2"`;
  const argv = ['-c', pipe, path.join(programs, 'mysqlbinlog'), path.join(programs, 'mysql'), server.socket];
  await execute('bash', [...argv, ...names], { env: { ...process.env, SECRET: server.passwords.root } });
}

function connect({ socket, passwords }: MysqldHandle): Promise<Connection> {
  return mysql.createConnection({ socketPath: socket, user: 'root', password: passwords.root });
}
