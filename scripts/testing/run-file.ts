import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeScratch } from '../../src/sandbox/scratch.ts';
import { tally } from './events.ts';
import type { Failure, Tally } from './events.ts';
import { findLeftovers, killLeftovers, killQuietly, marker, newFileId } from './leftovers.ts';

const reporter = fileURLToPath(new URL('event-reporter.ts', import.meta.url));
const keptOutput = 20_000;
const leftoverGraceMs = 3_000;
/** The watchdogs of a killed file's sandboxes end what it had started and remove its folders and networks: they are leftovers, too. */
const watchdogGraceMs = 15_000;

/** What running one file, or one check, came to. `output` is the end of what it printed. */
export interface FileResult {
  readonly name: string;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  readonly output: string;
  readonly durationMs: number;
}

interface Exit {
  readonly status: string;
  readonly timedOut: boolean;
  readonly output: string;
}

/** Process groups that run now, so that an interrupted run can end them. */
const running = new Set<number>();

/** Kills the process groups of everything that runs now. */
export function killRunning(): void {
  for (const pid of running) killQuietly(-pid);
}

/** Runs one test file in a process group of its own; after `timeoutMs` the group is killed and the file has failed. */
export async function runFile(file: string, timeoutMs: number): Promise<FileResult> {
  const started = performance.now();
  const id = newFileId();
  const dir = makeScratch();
  try {
    const events = join(dir, 'events');
    // Nobody reads the results once the runner was killed; the watchdogs of the file's sandboxes then end those.
    const args = [
      '--pdeathsig',
      'KILL',
      process.execPath,
      '--import',
      'tsx',
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${events}`,
      file,
    ];
    const exit = await run('setpriv', args, timeoutMs, { [marker]: id });
    const counts = tally(await readFile(events, 'utf8').catch(() => ''));
    const failures = [
      ...counts.failures,
      ...failuresOfExit(exit, counts, timeoutMs),
      ...(await endLeftovers(id, exit)),
    ];
    const { passed, skipped } = counts;
    return {
      name: file,
      passed,
      skipped,
      failures,
      output: exit.output,
      durationMs: performance.now() - started,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Runs an npm script as one test. */
export async function runCheck(script: string, timeoutMs: number): Promise<FileResult> {
  const started = performance.now();
  const { status, timedOut, output } = await run('npm', ['run', '-s', script], timeoutMs, {});
  const message = timedOut
    ? `took longer than ${seconds(timeoutMs)}`
    : `npm run ${script} ended with ${status}`;
  const failures = status === '0' ? [] : [{ name: script, message }];
  const passed = failures.length === 0 ? 1 : 0;
  return {
    name: `check: ${script}`,
    passed,
    skipped: 0,
    failures,
    output,
    durationMs: performance.now() - started,
  };
}

function run(
  command: string,
  args: string[],
  timeoutMs: number,
  environment: Record<string, string>,
): Promise<Exit> {
  const env = { ...process.env, ...environment };
  // A runner above us would otherwise take the file's tests for its own.
  delete env['NODE_TEST_CONTEXT'];
  return new Promise((resolve) => {
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
    let output = '';
    let timedOut = false;
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutput);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    const timer = setTimeout(() => {
      timedOut = true;
      if (pid !== undefined) killQuietly(-pid);
    }, timeoutMs);
    const end = (status: string) => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      // A server that was left running holds our ends of its pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ status, timedOut, output });
    };
    child.on('error', (error) => end(error.message));
    // 'close' would wait for whoever inherited the pipes; what the process itself wrote is read one turn later.
    child.on('exit', (code, signal) => setImmediate(() => end(signal ?? String(code))));
  });
}

function failuresOfExit({ status, timedOut }: Exit, counts: Tally, timeoutMs: number): Failure[] {
  if (timedOut) {
    const at = counts.unfinished.length > 0 ? ` in: ${counts.unfinished.join(' > ')}` : '';
    return [{ name: 'the file', message: `took longer than ${seconds(timeoutMs)}${at}` }];
  }
  if (status !== '0' && counts.failures.length === 0) {
    return [
      { name: 'the file', message: `ended with ${status} though no test failed; what it printed follows` },
    ];
  }
  if (counts.passed + counts.skipped + counts.failures.length === 0) {
    return [{ name: 'the file', message: 'has no tests' }];
  }
  return [];
}

async function endLeftovers(id: string, { timedOut }: Exit): Promise<Failure[]> {
  const found = await findLeftovers(id, timedOut ? watchdogGraceMs : leftoverGraceMs);
  await killLeftovers(id);
  // After a time-out leftovers are no news.
  const left = timedOut ? [] : found;
  if (left.length === 0) return [];
  const list = left.map(({ pid, command }) => `${pid} ${command.slice(0, 200)}`).join('\n');
  return [{ name: 'the file', message: `left processes running (killed now):\n${list}` }];
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
