import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { hasEnded, ownTag } from '../../src/sandbox/ownership.ts';
import { commandLine, findMarked, type ProcessId } from '../../src/sandbox/process.ts';
import { killAll } from '../../src/sandbox/processes.ts';

/** Set in a test file's environment: everything that it starts inherits it, also what left its process group. */
export const marker = 'RUN_TESTS_FILE_ID';

const killMs = 10_000;

/** A process that a test file started and that outlived it. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** The id of one test file, which begins with its runner: so that the next runner knows whether that one has ended. */
export function newFileId(): string {
  return `${ownTag()}-${randomUUID()}`;
}

/** Lists what still runs with this id after `graceMs` at most. */
export async function findLeftovers(id: string, graceMs: number): Promise<readonly Leftover[]> {
  const deadline = performance.now() + graceMs;
  for (;;) {
    const found = processesOf(id);
    if (found.length === 0 || performance.now() >= deadline) {
      return found.map((process) => ({ pid: process.pid, command: commandLine(process).join(' ') }));
    }
    await delay(100);
  }
}

/** Kills exactly what carries this id, until nothing does. */
export async function killLeftovers(id: string): Promise<void> {
  await killAll(() => processesOf(id), killMs);
}

/** Kills all that test files of runners started which have ended themselves. Returns how many there were. */
export function killOrphans(): Promise<number> {
  return killAll(() => findMarked((id) => hasEnded(id.split('-', 1)[0] ?? ''), marker), killMs);
}

function processesOf(id: string): readonly ProcessId[] {
  return findMarked((mark) => mark === id, marker);
}

/** SIGKILL; a negative id is a process group. */
export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already, which is what was wanted.
  }
}
