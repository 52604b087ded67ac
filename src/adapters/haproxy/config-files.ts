import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';

/** A file's bytes, one character each; undefined when there is none. */
export async function readBytes(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'latin1');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new DcmhaError('PROXY_REJECTED', `cannot read ${file}: ${reason(cause)}`, {
      details: { file },
      cause,
    });
  }
}

/**
 * Replaces a file so that its readers see the old or the new one whole; with `durable` a crash of the machine leaves one of them,
 * too. Mode, owner and a symbolic link are kept.
 */
export async function writeWhole(
  file: string,
  text: string,
  { durable }: { readonly durable: boolean },
): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const draft = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(path.dirname(target), { recursive: true });
    await writeNew(draft, text, durable);
    await likeOld(draft, target);
    await rename(draft, target);
    if (durable) await syncDirectory(path.dirname(target));
  } catch (cause) {
    await rm(draft, { force: true });
    throw new DcmhaError('PROXY_REJECTED', `cannot write ${file}: ${reason(cause)}`, {
      details: { file },
      cause,
    });
  }
}

async function writeNew(file: string, text: string, durable: boolean): Promise<void> {
  await using handle = await open(file, 'wx', 0o640);
  await handle.writeFile(text, 'latin1');
  if (durable) await handle.sync();
}

async function likeOld(draft: string, target: string): Promise<void> {
  const old = await stat(target).catch(() => undefined);
  if (old === undefined) return;
  await chmod(draft, old.mode & 0o7777);
  // Only root may give a file away; the mode is what matters to others.
  await chown(draft, old.uid, old.gid).catch(() => undefined);
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

/** Has haproxy check a configuration before it takes the place of `file`. Throws `PROXY_REJECTED` with haproxy's own words. */
export async function validate(
  program: string,
  text: string,
  where: { readonly file: string; readonly scratch: string },
): Promise<void> {
  const draft = `${where.scratch}.${randomBytes(6).toString('hex')}.check`;
  await mkdir(path.dirname(draft), { recursive: true });
  await writeNew(draft, text, false);
  try {
    const problem = await runCheck(program, draft);
    if (problem === undefined) return;
    const words = complaint(problem.replaceAll(draft, where.file));
    throw new DcmhaError('PROXY_REJECTED', `haproxy refuses ${where.file}: ${words}`, {
      details: { file: where.file },
    });
  } finally {
    await rm(draft, { force: true });
  }
}

const checkTimeoutMs = 10_000;

function runCheck(program: string, file: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    execFile(program, ['-c', '-f', file], { timeout: checkTimeoutMs }, (error, stdout, stderr) => {
      if (error === null) resolve(undefined);
      else if (error.code === 'ENOENT' || error.code === 'EACCES') reject(notRunnable(program, error));
      else resolve(`${stderr}${stdout}` || error.message);
    });
  });
}

/** Whether haproxy was built with Lua. Throws `PROXY_REJECTED` when it cannot be run. */
export function runsLua(program: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    execFile(program, ['-vv'], { timeout: checkTimeoutMs }, (error, stdout) => {
      if (error === null) resolve(/^Built with Lua/m.test(stdout));
      else reject(notRunnable(program, error));
    });
  });
}

export function notRunnable(program: string, cause: unknown): DcmhaError {
  return new DcmhaError(
    'PROXY_REJECTED',
    `cannot run ${program} (${reason(cause)}): install haproxy or set router.haproxy to its path`,
    { details: { program }, cause },
  );
}

/** The lines in which haproxy says what is wrong, without its prefixes. */
export function complaint(output: string): string {
  const alerts = output
    .split('\n')
    .filter((line) => line.includes('[ALERT]'))
    .map((line) => line.replace(/^\[ALERT\]\s+\(\d+\) : (?:config : )?/, '').trim())
    .filter((line) => !/^(Error\(s\) found|Fatal errors found)/.test(line));
  return (alerts.length > 0 ? alerts.slice(0, 3).join('; ') : output.trim().slice(-300)) || 'it says nothing';
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function reason(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
