import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { DcmhaError } from '../core/model/errors.ts';
import { templateAccounts } from './accounts.ts';
import { tailOf } from './process.ts';
import { mysqlPrograms, templateDirectory } from './project.ts';

const run = promisify(execFile);

let making: Promise<string> | undefined;

/** The initialised data directory that servers are copied from; made by the first who needs it (2-3 s), also of several at once. */
export function ensureTemplate(): Promise<string> {
  making ??= makeTemplate().finally(() => (making = undefined));
  return making;
}

async function makeTemplate(): Promise<string> {
  const template = templateDirectory();
  if (existsSync(template)) return template;
  const fresh = `${template}.${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  try {
    await initialise(path.join(fresh, 'data'), fresh);
    await rename(path.join(fresh, 'data'), template);
  } catch (error) {
    // Somebody else was faster: theirs is as good.
    if (!existsSync(template)) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return template;
}

async function initialise(data: string, scratch: string): Promise<void> {
  const statements = path.join(scratch, 'accounts.sql');
  const log = path.join(scratch, 'initialise.log');
  await writeFile(statements, templateAccounts.map((statement) => `${statement};\n`).join(''));
  const options = [
    '--no-defaults',
    '--initialize-insecure',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--datadir=${data}`,
    `--init-file=${statements}`,
    '--disable-log-bin',
    '--innodb-redo-log-capacity=8M',
    `--log-error=${log}`,
  ];
  try {
    await run(mysqlPrograms.mysqld, options, { timeout: 120_000 });
  } catch (cause) {
    throw new DcmhaError('UNEXPECTED', `a MySQL data directory cannot be initialised: ${tailOf(log, 3)}`, {
      cause,
    });
  }
  // Every server makes its own uuid.
  await rm(path.join(data, 'auto.cnf'), { force: true });
}

/** A data directory like the template's, sharing its blocks where the file system can. A template behind a link is copied, too: a copied link would let servers write into it. */
export async function copyTemplate(data: string): Promise<void> {
  const template = await ensureTemplate();
  try {
    await run('cp', ['-aH', '--reflink=auto', '--sparse=always', template, data]);
  } catch (cause) {
    throw new DcmhaError('UNEXPECTED', `${data} cannot be made: is the disk full?`, {
      details: { data },
      cause,
    });
  }
}
