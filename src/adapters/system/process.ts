import { readFileSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';
import type { ProcessState, ProcessWatch } from '../../ports/system.ts';

/** A process for good: a pid alone may be given to another program once this one has ended. */
interface KnownProcess {
  readonly pid: number;
  /** Clock ticks from boot to its start: field 22 of /proc/PID/stat. */
  readonly startTicks: string;
  readonly halted: boolean;
}

type Found =
  | { readonly kind: 'mysqld'; readonly process: KnownProcess }
  | { readonly kind: 'other' }
  | { readonly kind: 'none' }
  /** There is such a process, and this system does not let us see what it is (hidepid). */
  | { readonly kind: 'hidden' };

export function createProcessWatch(): ProcessWatch {
  return new MysqldWatch();
}

class MysqldWatch implements ProcessWatch {
  readonly #lastAlive = new Map<string, KnownProcess>();

  async look(pidFile: string, lastPid?: number): Promise<ProcessState> {
    const pid = await readPid(pidFile);
    const known = this.#lastAlive.get(pidFile);
    if (pid === undefined) return known === undefined ? stateOfLast(lastPid, pidFile) : stateOfKnown(known);
    const found = find(pid);
    switch (found.kind) {
      case 'mysqld':
        this.#lastAlive.set(pidFile, found.process);
        return alive(found.process);
      case 'none':
        return { kind: 'gone', detail: `process ${pid} of ${pidFile} is gone` };
      case 'hidden':
        return { kind: 'unknown', detail: `process ${pid} of ${pidFile} cannot be looked at: hidepid?` };
      case 'other':
        // A pid that never was mysqld to us may be one of another PID namespace, where mysqld lives on: that proves nothing.
        return known?.pid === pid
          ? { kind: 'gone', detail: `process ${pid} of ${pidFile} is another program now` }
          : { kind: 'unknown', detail: `process ${pid} of ${pidFile} is not mysqld: is it of this host?` };
    }
  }

  kill(pid: number): Promise<boolean> {
    return Promise.resolve().then(() => {
      if (find(pid).kind !== 'mysqld') return false;
      try {
        return process.kill(pid, 'SIGKILL');
      } catch (cause) {
        if (codeOf(cause) === 'ESRCH') return false;
        throw new DcmhaError(
          'UNEXPECTED',
          `mysqld (process ${pid}) cannot be killed: run as root or as its user`,
          {
            details: { pid },
            cause,
          },
        );
      }
    });
  }

  async readOnlyMount(directory: string): Promise<boolean> {
    try {
      return isReadOnly(await realpath(directory), await readFile('/proc/self/mountinfo', 'utf8'));
    } catch {
      // No such directory, or no /proc: cannot be told.
      return false;
    }
  }
}

/** By a pid from before a restart of this program. Another mysqld that got it since is taken for the old one: that errs on the safe side. */
function stateOfLast(pid: number | undefined, pidFile: string): ProcessState {
  if (pid === undefined) return { kind: 'unknown', detail: `${pidFile} cannot be read` };
  const found = find(pid);
  if (found.kind === 'mysqld') return alive(found.process);
  if (found.kind === 'hidden') return { kind: 'unknown', detail: `process ${pid} cannot be looked at` };
  return { kind: 'gone', detail: `process ${pid} and its pid file are gone` };
}

function stateOfKnown(known: KnownProcess): ProcessState {
  const found = find(known.pid);
  if (found.kind === 'mysqld' && found.process.startTicks === known.startTicks) {
    return alive(found.process);
  }
  if (found.kind === 'hidden') return { kind: 'unknown', detail: `process ${known.pid} cannot be looked at` };
  return { kind: 'gone', detail: `process ${known.pid} and its pid file are gone` };
}

function alive({ pid, halted }: KnownProcess): ProcessState {
  return { kind: 'alive', pid, ...(halted ? { halted } : {}) };
}

async function readPid(pidFile: string): Promise<number | undefined> {
  try {
    const text = (await readFile(pidFile, 'utf8')).trim();
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  } catch {
    // Not there (a clean shutdown removes it), or not ours to read.
    return undefined;
  }
}

function find(pid: number): Found {
  let stat: string;
  let commandLine: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    // Gone while we looked, or hidden.
    return exists(pid) ? { kind: 'hidden' } : { kind: 'none' };
  }
  // proc(5): `pid (name) state ppid ...`, where the name may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended: nothing of it runs, and no client hears from it again.
  if (fields[0] === 'Z' || fields[0] === 'X') return { kind: 'none' };
  if (!isMysqld(commandLine)) return { kind: 'other' };
  const halted = fields[0] === 'T' || fields[0] === 't';
  return { kind: 'mysqld', process: { pid, startTicks: fields[19] ?? '', halted } };
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** mysqld may be run through a dynamic loader or a wrapper such as libtool, so the first arguments count, too. */
function isMysqld(commandLine: string): boolean {
  return commandLine
    .split('\0')
    .slice(0, 6)
    .some((argument) => /^(mysqld|mysqld-debug|mariadbd)$/.test(path.basename(argument)));
}

/** By the mount that holds a path, the last of those with the longest mount point (proc_pid_mountinfo(5)). */
export function isReadOnly(directory: string, mountinfo: string): boolean {
  let best = { length: -1, readOnly: false };
  for (const line of mountinfo.split('\n')) {
    const [, , , , point, options, ...rest] = line.split(' ');
    if (point === undefined || options === undefined) continue;
    const unescaped = point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = unescaped === '/' || directory === unescaped || directory.startsWith(`${unescaped}/`);
    if (!holds || unescaped.length < best.length) continue;
    // Of the mount, and of the file system: `errors=remount-ro` shows in the latter.
    const ofFileSystem = rest.at(-1) ?? '';
    const readOnly = [options, ofFileSystem].some((list) =>
      list.split(',').some((o) => o === 'ro' || o === 'emergency_ro'),
    );
    best = { length: unescaped.length, readOnly };
  }
  return best.readOnly;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
