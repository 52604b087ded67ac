import path from 'node:path';
import mysql, { type Connection } from 'mysql2/promise';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';

/** Paths of binlog files. */
export interface Workload {
  readonly rows: string;
  readonly small: string;
}

const ROWS = [
  `CREATE TABLE app.a (id INT PRIMARY KEY AUTO_INCREMENT, c1 VARCHAR(60), c2 BIGINT, c3 DATETIME(3), c4 DECIMAL(12,3), c5 TEXT, c6 DOUBLE,
   c7 JSON)`,
  'SET cte_max_recursion_depth = 1000000',
  `INSERT INTO app.a (c1, c2, c3, c4, c5, c6, c7)
   WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
   SELECT CONCAT('name of a customer ', i), i * 7919, '2026-01-01' + INTERVAL i SECOND, i / 7, REPEAT(SHA2(i, 256), 1 + i % 5), i / 3,
   JSON_OBJECT('a', i, 'b', CONCAT('v', i)) FROM n`,
  "UPDATE app.a SET c2 = c2 + 1, c1 = CONCAT(c1, 'x') WHERE id <= 60000",
  'INSERT INTO app.a (c1, c2, c3, c4, c5, c6, c7) SELECT c1, c2, c3, c4, c5, c6, c7 FROM app.a',
  'DELETE FROM app.a WHERE id % 3 = 0',
];
const SMALL_TRANSACTIONS = 40_000;
const CONNECTIONS = 8;

/** Has a real server write the files into `dir`; the server is gone afterwards. */
export async function recordWorkload(dir: string): Promise<Workload> {
  await using server = await startMysqld({
    dir: path.join(dir, 'mysqld'),
    host: '127.78.0.1',
    port: 33782,
    serverId: 7802,
    options: {
      sync_binlog: 0,
      innodb_flush_log_at_trx_commit: 2,
      innodb_buffer_pool_size: '128M',
      innodb_redo_log_capacity: '256M',
    },
  });
  const connection = await connect(server);
  await connection.query('SET GLOBAL read_only = OFF; FLUSH BINARY LOGS');
  for (const statement of ROWS) await connection.query(statement);
  const rows = await currentFile(server, connection);
  await connection.query('FLUSH BINARY LOGS');
  await connection.query('CREATE TABLE app.s (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40), n INT)');
  await writeSmall(server);
  const small = await currentFile(server, connection);
  await connection.end();
  return { rows, small };
}

async function writeSmall(server: MysqldHandle): Promise<void> {
  let left = SMALL_TRANSACTIONS;
  const write = async (): Promise<void> => {
    const connection = await connect(server);
    while (left-- > 0) await connection.query(`INSERT INTO app.s (v, n) VALUES ('some value here', ${left})`);
    await connection.end();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, write));
}

function connect(server: MysqldHandle): Promise<Connection> {
  const { socket, passwords } = server;
  return mysql.createConnection({
    socketPath: socket,
    user: 'root',
    password: passwords.root,
    multipleStatements: true,
  });
}

async function currentFile(server: MysqldHandle, connection: Connection): Promise<string> {
  const [rows] = await connection.query('SHOW BINARY LOG STATUS');
  const [row] = rows as { File: string }[];
  if (row === undefined) throw new Error('the server writes no binary log');
  return path.join(server.dataDir, row.File);
}
