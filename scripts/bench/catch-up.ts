import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import mysql, { type Connection } from 'mysql2/promise';
import { createBinlogService } from '../../src/adapters/binlog-service/service.ts';
import { BinlogFiles } from '../../src/adapters/fs/binlog-files.ts';
import { readServerUuid } from '../../src/adapters/fs/server-uuid.ts';
import { createMysql } from '../../src/adapters/mysql/mysql.ts';
import { createLog } from '../../src/adapters/system/log.ts';
import { surveyTail } from '../../src/core/catch-up/survey-tail.ts';
import { parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { catchUpChannel } from '../../src/core/perform/catch-up-standing.ts';
import { newPasswords } from '../../src/sandbox/accounts.ts';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { PROJECT } from '../../src/sandbox/project.ts';
import { figureOf, median, type Figure } from './figure.ts';

const run = promisify(execFile);
const programs = path.join(PROJECT, '.sandbox/mysql/bin');
const passwords = newPasswords();
const SOURCE = '127.84.9.11';
const SERVICE_PORT = 7074;
const SESSIONS = 8;
const MINUTES = { timeoutMs: 600_000 };
const OUTAGE_MS = 500;

/** A dead server's binlog, as it lies on the disk. */
interface DeadBinlog {
  readonly dataDir: string;
  readonly files: BinlogFiles;
}

export interface CatchUpOptions {
  readonly dir: string;
  readonly runs: number;
  readonly transactions: number;
}

/** How much faster the tail of a dead server arrives through the binlog service than through `mysqlbinlog | mysql`, both durable. */
export async function catchUpFigure({ dir, runs, transactions }: CatchUpOptions): Promise<Figure> {
  const binlog = await recordDead(path.join(dir, 'catch-up-source'), transactions);
  const ratios: number[] = [];
  const times: string[] = [];
  for (let n = 0; n < runs; n++) {
    const served = await onReplica(path.join(dir, `served-${n}`), (replica) => fetchTail(replica, binlog));
    const piped = await onReplica(path.join(dir, `piped-${n}`), (replica) => pipeFiles(replica, binlog));
    ratios.push(piped / served);
    times.push(`${seconds(served)} against ${seconds(piped)} s`);
  }
  const name = `catch-up of ${transactions} small transactions`;
  return figureOf(ratios, { name, unit: 'x mysqlbinlog | mysql', target: 2.5, detail: times.join(', ') });
}

/** What a thousand missing transactions add to an outage, as a share of what is allowed. */
export async function outageFigure({ dir, runs }: Pick<CatchUpOptions, 'dir' | 'runs'>): Promise<Figure> {
  const transactions = 1000;
  const binlog = await recordDead(path.join(dir, 'outage-source'), transactions);
  const times: number[] = [];
  for (let n = 0; n < runs; n++) {
    times.push(await onReplica(path.join(dir, `outage-${n}`), (replica) => fetchTail(replica, binlog)));
  }
  const name = `catch-up step with ${transactions} missing transactions, ${OUTAGE_MS} ms allowed`;
  const detail = `median ${Math.round(median(times))} ms, best ${Math.round(Math.min(...times))} ms`;
  const shares = times.map((ms) => OUTAGE_MS / ms);
  return figureOf(shares, { name, unit: 'x as fast as needed', target: 1, detail });
}

async function recordDead(dir: string, transactions: number): Promise<DeadBinlog> {
  const options = { sync_binlog: 0, innodb_flush_log_at_trx_commit: 2 };
  await using server = await startMysqld({ dir, host: SOURCE, port: 3306, serverId: 11, options, passwords });
  const first = await connect(server);
  await first.query('SET GLOBAL read_only = OFF');
  await first.query('CREATE TABLE app.s (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100))');
  first.destroy();
  let left = transactions;
  const write = async (): Promise<void> => {
    const connection = await connect(server);
    while (left-- > 0) await connection.query("INSERT INTO app.s (v) VALUES (REPEAT('x', 50))");
    connection.destroy();
  };
  await Promise.all(Array.from({ length: SESSIONS }, write));
  await server.kill();
  const files = new BinlogFiles({ indexFile: path.join(server.dataDir, 'binlog.index') });
  return { dataDir: server.dataDir, files };
}

/** A new, empty, durable server; how long `task` takes on it, ms. */
async function onReplica(dir: string, task: (replica: MysqldHandle) => Promise<void>): Promise<number> {
  await using replica = await startMysqld({ dir, host: '127.84.9.12', port: 3306, serverId: 12, passwords });
  const began = performance.now();
  await task(replica);
  return performance.now() - began;
}

/** What the step does: survey, service, the replica's own receiver and applier, and the channel gone again. */
async function fetchTail(replica: MysqldHandle, { dataDir, files }: DeadBinlog): Promise<void> {
  const log = createLog({ level: 'error', format: 'text' });
  const account = { user: 'repl', password: passwords.repl };
  await using servers = createMysql({
    account: { user: 'dcmha', password: passwords.dcmha },
    connectTimeoutMs: 1000,
    replication: { ...account, ssl: false },
    log,
  });
  const at = { host: replica.host, port: replica.port };
  const { executed } = await servers.status(at, MINUTES);
  const survey = await surveyTail(files, { have: parseGtidSet(executed) });
  if (survey.kind === 'gap') throw new Error(`a gap of ${survey.gtids.toCompactString()}`);
  const { head } = survey.tail.newest;
  const { serverVersion } = head.format;
  const identity = { serverId: head.serverId, serverVersion, serverUuid: await readServerUuid(dataDir) };
  const offer = { files, tail: survey.tail, isOffered: () => true, mayServe: () => true, identity };
  const source = { host: SOURCE, port: SERVICE_PORT };
  await using listener = await createBinlogService({ account, log }).listen(source, () => offer);
  const profile = { source: { ...source, port: listener.port }, channel: catchUpChannel, workers: 16 };
  await servers.follow(at, profile, MINUTES);
  if (!(await servers.waitExecuted(at, survey.tail.missing.toCompactString(), MINUTES)))
    throw new Error('late');
  await servers.resetReplication(at, catchUpChannel, MINUTES);
}

/** The way without a service. */
async function pipeFiles(replica: MysqldHandle, { dataDir, files }: DeadBinlog): Promise<void> {
  const connection = await connect(replica);
  await connection.query('SET GLOBAL super_read_only = OFF');
  connection.destroy();
  const names = (await files.list()).map(({ name }) => path.join(dataDir, name));
  const pipe =
    'set -o pipefail; "$0" --no-defaults "${@:3}" | MYSQL_PWD="$SECRET" "$1" --no-defaults -uroot -S "$2"';
  const argv = ['-c', pipe, path.join(programs, 'mysqlbinlog'), path.join(programs, 'mysql'), replica.socket];
  await run('bash', [...argv, ...names], { env: { ...process.env, SECRET: passwords.root } });
}

function connect({ socket }: MysqldHandle): Promise<Connection> {
  return mysql.createConnection({ socketPath: socket, user: 'root', password: passwords.root });
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
