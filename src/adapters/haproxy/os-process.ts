import { readFileSync } from 'node:fs';

/** A process as the kernel knows it: a process id alone may be given to another one. */
export interface OsProcess {
  readonly pid: number;
  /** Clock ticks from boot to its start. */
  readonly startedAt: number;
}

/** undefined when there is no such process, or only what a dead one leaves until its parent looks. */
export function findProcess(pid: number): OsProcess | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // the process is gone
  }
  // proc(5): `pid (name) state ppid ...`; the name may hold blanks and parentheses, the start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startedAt = Number(fields[19]);
  if (fields[0] === 'Z' || fields[0] === 'X' || !Number.isFinite(startedAt)) return undefined;
  return { pid, startedAt };
}

export function isSameAlive({ pid, startedAt }: OsProcess): boolean {
  return findProcess(pid)?.startedAt === startedAt;
}

/** False when it was gone already. */
export function signal(target: OsProcess, name: 'SIGKILL' | 'SIGTERM'): boolean {
  if (!isSameAlive(target)) return false;
  try {
    return process.kill(target.pid, name);
  } catch {
    return false; // it died in between
  }
}
