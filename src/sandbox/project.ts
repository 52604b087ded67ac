import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DcmhaError } from '../core/model/errors.ts';

/** The checkout: the same from `src/sandbox` and from `dist/sandbox`. */
export const PROJECT = path.resolve(import.meta.dirname, '../..');

/** What `make setup` made. */
const SET_UP = path.join(PROJECT, '.sandbox');

/** The built program that sandboxes run, whether they are started from sources or not. */
export const PROGRAM = path.join(PROJECT, 'dist/cli/main.js');

export const mysqlPrograms = {
  mysqld: path.join(SET_UP, 'mysql/bin/mysqld'),
  mysql: path.join(SET_UP, 'mysql/bin/mysql'),
} as const;

function readSetUp(file: string, what: string): string {
  try {
    return readFileSync(path.join(SET_UP, file), 'utf8').trim();
  } catch (cause) {
    throw new DcmhaError('NOT_FOUND', `${what} is not set up here: run make setup`, {
      details: { file: path.join(SET_UP, file) },
      cause,
    });
  }
}

/** Such as `9.7.4`. */
export function mysqlVersion(): string {
  return readSetUp('mysql/version', 'MySQL');
}

export function zookeeperClasspath(): string {
  return readSetUp('zookeeper/classpath', 'ZooKeeper');
}

/** An initialised data directory of this MySQL version, copied for every server. */
export function templateDirectory(): string {
  return path.join(SET_UP, `template-${mysqlVersion()}`);
}
