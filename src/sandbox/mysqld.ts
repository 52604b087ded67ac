import { randomUUID } from 'node:crypto';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { newPasswords, passwordStatements, type Passwords } from './accounts.ts';
import { type MysqldPlace, type MysqldSettings, mysqldFiles, renderMysqldConfig } from './mysqld-config.ts';
import type { ProcessId } from './process.ts';
import { launchProcess, type ProcessHandle } from './process-handle.ts';
import { mysqlPrograms } from './project.ts';
import { ask, untilReady } from './ready.ts';
import { copyTemplate } from './template.ts';

const START_TIMEOUT_MS = 60_000;

/** Makes the directory of a server that has never run: a copy of the template, my.cnf and the passwords for its first start. */
export async function prepareMysqld(settings: MysqldSettings, passwords: Passwords): Promise<void> {
  const files = mysqldFiles(settings);
  await mkdir(settings.dir, { recursive: true });
  await copyTemplate(files.data);
  // Given here because servers that start at the same moment may make the same uuid of their clock.
  await writeFile(`${files.data}/auto.cnf`, `[auto]\nserver-uuid=${randomUUID()}\n`);
  await writeFile(files.config, renderMysqldConfig(settings));
  const statements = passwordStatements(passwords).map((statement) => `${statement};\n`);
  await writeFile(files.init, statements.join(''), { mode: 0o600 });
}

/** The command line that runs a prepared server, at its first start as at any later one. */
export function mysqldCommand(settings: MysqldPlace): readonly string[] {
  return [mysqlPrograms.mysqld, `--defaults-file=${mysqldFiles(settings).config}`];
}

/** For a server that does not run: one that was killed and is not reaped yet would be taken for another one that has the socket. */
export async function clearSocketLock(settings: MysqldPlace): Promise<void> {
  await rm(`${mysqldFiles(settings).socket}.lock`, { force: true });
}

/** Resolves once the server greets; the statements of the first start are forgotten then. */
export async function mysqldReady(settings: MysqldPlace, process: ProcessId): Promise<void> {
  const files = mysqldFiles(settings);
  await untilReady(
    {
      what: `mysqld ${settings.host}:${settings.port}`,
      process,
      log: files.log,
      timeoutMs: START_TIMEOUT_MS,
    },
    async () => (await ask(settings.host, settings.port, {})).length > 0,
  );
  await truncate(files.init);
}

export interface MysqldHandle extends ProcessHandle {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  readonly dataDir: string;
  readonly socket: string;
  readonly pidFile: string;
  readonly log: string;
  /** Of root (socket only), dcmha (everything), repl, app (schema app) and admin (reads everything). */
  readonly passwords: Passwords;
}

/** A real MySQL server on a loopback address, super_read_only, with GTIDs and a binary log. */
export async function startMysqld(
  settings: MysqldSettings & { readonly passwords?: Passwords },
): Promise<MysqldHandle> {
  const passwords = settings.passwords ?? newPasswords();
  const files = mysqldFiles(settings);
  await prepareMysqld(settings, passwords);
  const handle = await launchProcess({
    program: () => ({ argv: mysqldCommand(settings), cwd: settings.dir, log: files.log }),
    ready: (process) => mysqldReady(settings, process),
  });
  return {
    ...handle,
    host: settings.host,
    port: settings.port,
    dir: settings.dir,
    dataDir: files.data,
    socket: files.socket,
    pidFile: files.pidFile,
    log: files.log,
    passwords,
  };
}
