import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Set in a test file's environment: everything that it starts inherits it, also what left its process group. */
export const marker = 'RUN_TESTS_FILE_ID';

/** A process that a test file started and that outlived it. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Lists what still runs with this id after `graceMs` at most. Needs /proc; without it, nothing is found. */
export async function findLeftovers(id: string, graceMs: number): Promise<Leftover[]> {
  const deadline = performance.now() + graceMs;
  for (;;) {
    const found = processesWith(id);
    if (found.length === 0 || performance.now() >= deadline) return found;
    await delay(100);
  }
}

/** Kills exactly what carries this id, until nothing does. */
export async function killLeftovers(id: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const found = processesWith(id);
    if (found.length === 0 || performance.now() >= deadline) return;
    for (const { pid } of found) killQuietly(pid);
    await delay(50);
  }
}

/** SIGKILL; a negative id is a process group. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already, which is what was wanted.
  }
}

function processesWith(id: string): Leftover[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`${marker}=${id}\0`))
    .map((pid) => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() }));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile, or belongs to another user.
    return '';
  }
}
