import { rm } from 'node:fs/promises';
import path from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { createMysql, type MysqlSettings } from '../../src/adapters/mysql/mysql.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import { newPasswords, type AccountName } from '../../src/sandbox/accounts.ts';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { silentLog } from './test-log.ts';

const passwords = newPasswords();

export const endpointOf = ({ host, port }: MysqldHandle): Endpoint => ({ host, port });

/** Real servers in a directory that goes with them, all with the same accounts. */
export class RealServers implements AsyncDisposable {
  readonly #dir: string;
  /** What to close, in the order it was opened. */
  readonly #opened: (() => PromiseLike<void> | void)[] = [];

  constructor() {
    this.#dir = makeScratch();
    this.#opened.push(() => rm(this.#dir, { recursive: true, force: true }));
  }

  async start(host: string, options: Readonly<Record<string, string | number>> = {}): Promise<MysqldHandle> {
    const serverId = Number(host.split('.').at(-1));
    const dir = path.join(this.#dir, host);
    const server = await startMysqld({ dir, host, port: 3306, serverId, options, passwords });
    this.#opened.push(() => server.kill());
    return server;
  }

  /** The adapter, with the management account unless told otherwise. */
  mysql(changes: Partial<MysqlSettings> = {}): Mysql & AsyncDisposable {
    const mysql = createMysql({
      account: { user: 'dcmha', password: passwords.dcmha },
      connectTimeoutMs: 1000,
      replication: { user: 'repl', password: passwords.repl, ssl: false },
      log: silentLog,
      ...changes,
    });
    this.#opened.push(() => mysql[Symbol.asyncDispose]());
    return mysql;
  }

  /** A session of a client. It may be killed, which is no failure of a test. */
  async client(server: MysqldHandle, user: AccountName): Promise<Connection> {
    const login = user === 'root' ? { socketPath: server.socket } : { host: server.host, port: server.port };
    const connection = await createConnection({ ...login, user, password: passwords[user] });
    connection.on('error', () => undefined);
    this.#opened.push(() => connection.destroy());
    return connection;
  }

  async query(
    server: MysqldHandle,
    user: AccountName,
    ...statements: readonly string[]
  ): Promise<RowDataPacket[]> {
    const connection = await this.client(server, user);
    try {
      let rows: RowDataPacket[] = [];
      for (const statement of statements) [rows] = await connection.query<RowDataPacket[]>(statement);
      return rows;
    } finally {
      connection.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#opened.reverse()) await close();
  }
}
