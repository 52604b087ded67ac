import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { coverInherited } from '../adapters/system/inherited-files.ts';
import { DcmhaError } from '../core/model/errors.ts';

/** One process for good: a pid alone may be given to somebody else's process once ours has ended. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot when it started (field 22 of /proc/PID/stat). */
  readonly startTicks: string;
}

export type ProcessState = 'running' | 'paused' | 'stopped';

/** Marks every process of a sandbox and all their descendants, so that none can be lost. */
export const MARK = 'SANDBOX_OF_DCMHA';

interface Stat {
  readonly state: string;
  readonly startTicks: string;
}

/** Of a process by its pid, of a thread by `PID/task/TID`. */
function readStat(pid: number | string): Stat | undefined {
  try {
    // The program's name is in parentheses and may hold anything, so fields are counted from the last one.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state: fields[0] ?? '', startTicks: fields[19] ?? '' };
  } catch {
    // No such process.
    return undefined;
  }
}

/** undefined when no such process lives (a zombie does not). */
export function identify(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === 'Z' ? undefined : { pid, startTicks: stat.startTicks };
}

export function stateOf(process: ProcessId | undefined): ProcessState {
  if (process === undefined) return 'stopped';
  const stat = readStat(process.pid);
  if (stat?.startTicks !== process.startTicks || stat.state === 'Z' || stat.state === 'X') return 'stopped';
  return stat.state === 'T' ? 'paused' : 'running';
}

/** False when that very process is gone; another one with the same pid is never touched. */
export function sendSignal(target: ProcessId | undefined, signal: NodeJS.Signals): boolean {
  if (target === undefined || stateOf(target) === 'stopped') return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch {
    // It ended between the look and the signal.
    return false;
  }
}

/** Asks it to end; SIGKILL after `graceMs`. A paused process is woken, or it would never hear the request. */
export async function endProcess(target: ProcessId | undefined, graceMs = 10_000): Promise<void> {
  if (!sendSignal(target, 'SIGTERM')) return;
  sendSignal(target, 'SIGCONT');
  if (await isGone(target, graceMs)) return;
  sendSignal(target, 'SIGKILL');
  await isGone(target, 10_000);
}

/** True when it has ended before the deadline. */
export function isGone(target: ProcessId | undefined, timeoutMs: number): Promise<boolean> {
  return becomes(() => stateOf(target) === 'stopped', timeoutMs);
}

/** True when it was halted, all its threads, before the deadline: SIGSTOP reaches one after the other, and the rest still answer. */
export function isHalted(target: ProcessId | undefined, timeoutMs: number): Promise<boolean> {
  return becomes(() => stateOf(target) !== 'running' && threadsOf(target).every(isHaltedThread), timeoutMs);
}

async function becomes(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await pause(10);
  }
  return true;
}

function threadsOf(target: ProcessId | undefined): readonly string[] {
  if (stateOf(target) === 'stopped') return [];
  try {
    return readdirSync(`/proc/${target?.pid}/task`).map((thread) => `${target?.pid}/task/${thread}`);
  } catch {
    // It ended between the look and the list.
    return [];
  }
}

const isHaltedThread = (thread: string): boolean => 'TZX'.includes(readStat(thread)?.state ?? 'X');

export interface Program {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Standard output and error are appended to it. */
  readonly log: string;
  /** Value of {@link MARK} in its environment. */
  readonly mark?: string | undefined;
  /** It gets SIGKILL when this process ends, however that ends. */
  readonly diesWithParent?: boolean | undefined;
}

/** Starts it in a session of its own, without terminal and standard input, and does not wait for it. */
export async function spawnDetached(program: Program): Promise<ProcessId> {
  const argv =
    program.diesWithParent === true ? ['setpriv', '--pdeathsig', 'KILL', ...program.argv] : program.argv;
  const log = openSync(program.log, 'a');
  try {
    const child = spawn(argv[0] ?? '', argv.slice(1), {
      cwd: program.cwd,
      detached: true,
      stdio: ['ignore', log, log, ...coverInherited()],
      env: { ...process.env, ...(program.mark === undefined ? {} : { [MARK]: program.mark }) },
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    const started = child.pid === undefined ? undefined : identify(child.pid);
    return started ?? { pid: child.pid ?? 0, startTicks: 'ended' };
  } catch (cause) {
    throw new DcmhaError(
      'UNEXPECTED',
      `${program.argv[0] ?? ''} cannot be started: is it installed? Run make setup`,
      {
        cause,
      },
    );
  } finally {
    closeSync(log);
  }
}

/** All living processes whose environment carries a mark that `matches`, or another variable that does. */
export function findMarked(matches: (mark: string) => boolean, variable = MARK): readonly ProcessId[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => identify(Number(name)))
    .filter((found) => found !== undefined)
    .filter(({ pid }) => {
      const mark = variableIn(pid, variable);
      return mark !== undefined && matches(mark);
    });
}

function variableIn(pid: number, variable: string): string | undefined {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return entries.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
  } catch {
    // It ended, or belongs to another user: not ours.
    return undefined;
  }
}

/** The command line of a process; empty when it is gone. */
export function commandLine({ pid }: ProcessId): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    // It ended.
    return [];
  }
}

/** Resident memory in bytes, 0 when it is gone. */
export function residentBytes(target: ProcessId | undefined): number {
  if (target === undefined || stateOf(target) === 'stopped') return 0;
  try {
    const pages = readFileSync(`/proc/${target.pid}/statm`, 'latin1').split(' ')[1];
    return Number(pages ?? 0) * 4096;
  } catch {
    // It ended between the look and the read.
    return 0;
  }
}

/** The last lines of a log, for the error of a start that failed. */
export function tailOf(log: string, lines = 5): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    // Nothing was written.
    return '';
  }
}
