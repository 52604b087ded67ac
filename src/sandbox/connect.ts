import { readFile } from 'node:fs/promises';
import { type Connection, createConnection } from 'mysql2/promise';
import type { AccountName } from './accounts.ts';
import { parseEndpoint } from '../core/model/endpoint.ts';
import { secretFile } from './layout.ts';

export interface Target {
  /** The sandbox's directory, where the password is. */
  readonly dir: string;
  /** `host:port` of a server or of a router's listener. */
  readonly at: string;
  readonly as: Exclude<AccountName, 'root' | 'repl'>;
  readonly connectTimeoutMs?: number | undefined;
}

export async function readSecret(dir: string, name: string): Promise<string> {
  return (await readFile(secretFile(dir, name), 'utf8')).trimEnd();
}

/** A connection whose numbers are exact: those beyond 2^53 come as text. The caller ends it. */
export async function connectTo({ dir, at, as, connectTimeoutMs = 2000 }: Target): Promise<Connection> {
  const { host, port } = parseEndpoint(at);
  const connection = await createConnection({
    host,
    port,
    user: as,
    password: await readSecret(dir, as),
    connectTimeout: connectTimeoutMs,
    supportBigNumbers: true,
  });
  // A connection that dies while nobody waits on it must not end the process.
  connection.on('error', () => undefined);
  return connection;
}
