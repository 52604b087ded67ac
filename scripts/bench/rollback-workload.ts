import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';

export const ROWS = 100_000;

export type Kind = 'insert' | 'update' | 'delete';

export interface Bench {
  readonly server: MysqldHandle;
  readonly client: Connection;
  readonly dir: string;
  /** How many the rows are changed in. */
  readonly transactions: number;
}

/** What a server did, as one binlog file: the transactions that are taken back and applied again, turn about. */
export interface Recorded {
  readonly dir: string;
  readonly gtids: GtidSet;
  /** Of the tables before and after. */
  readonly before: string;
  readonly after: string;
}

export async function createTable(client: Connection): Promise<void> {
  await client.query('DROP TABLE IF EXISTS app.r');
  await client.query(
    'CREATE TABLE app.r (id INT PRIMARY KEY, c1 VARCHAR(60), c2 BIGINT, c3 DATETIME(3), c4 DECIMAL(12, 3), KEY (c2))',
  );
}

/** Changes every row of the table and keeps the binlog of it. */
export async function record({ server, client, transactions, dir }: Bench, kind: Kind): Promise<Recorded> {
  await client.query('SET cte_max_recursion_depth = 1000000');
  await client.query('FLUSH BINARY LOGS');
  const before = await checksum(client);
  const had = await executed(client);
  const batch = ROWS / transactions;
  for (let first = 1; first <= ROWS; first += batch) {
    await client.query(statementOf(kind, first, first + batch - 1));
  }
  const name = await currentFile(client);
  await client.query('FLUSH BINARY LOGS');
  const own = path.join(dir, `recorded-${kind}-${transactions}`);
  await mkdir(own);
  await copyFile(path.join(server.dataDir, name), path.join(own, name));
  await writeFile(path.join(own, 'binlog.index'), `./${name}\n`);
  const gtids = (await executed(client)).subtract(had);
  return { dir: own, gtids, before, after: await checksum(client) };
}

function statementOf(kind: Kind, first: number, last: number): string {
  const where = `WHERE id BETWEEN ${first} AND ${last}`;
  if (kind === 'update') return `UPDATE app.r SET c1 = CONCAT(c1, 'x'), c2 = c2 + 1 ${where}`;
  if (kind === 'delete') return `DELETE FROM app.r ${where}`;
  return `INSERT INTO app.r WITH RECURSIVE n(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${last})
    SELECT i, CONCAT('name of a customer ', i), i * 7919 % 100003, '2026-01-01' + INTERVAL i SECOND, i / 7 FROM n`;
}

export async function checksum(client: Connection): Promise<string> {
  const [rows] = await client.query<RowDataPacket[]>('CHECKSUM TABLE app.r');
  return String(rows[0]?.['Checksum']);
}

async function executed(client: Connection): Promise<GtidSet> {
  const [rows] = await client.query<RowDataPacket[]>('SELECT @@GLOBAL.gtid_executed AS gtids');
  return parseGtidSet(String(rows[0]?.['gtids']));
}

async function currentFile(client: Connection): Promise<string> {
  const [rows] = await client.query<RowDataPacket[]>('SHOW BINARY LOG STATUS');
  return String(rows[0]?.['File']);
}
