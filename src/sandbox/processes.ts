import { mkdir } from 'node:fs/promises';
import { shortDirectory } from './config-files.ts';
import { clearSocketLock } from './mysqld.ts';
import {
  findMarked,
  isGone,
  isHalted,
  type ProcessId,
  sendSignal,
  spawnDetached,
  stateOf,
} from './process.ts';
import { processReady } from './process-specs.ts';
import { settleAll } from './settle.ts';
import {
  markOf,
  type ProcessKind,
  type ProcessSpec,
  recordProcess,
  runningProcess,
  type SandboxState,
} from './state.ts';

/** Starts a process of the sandbox unless it runs, and waits until it serves. */
export async function startProcess(state: SandboxState, spec: ProcessSpec): Promise<void> {
  if ((await runningProcess(spec)) !== undefined) return;
  await mkdir(spec.dir, { recursive: true });
  const { argv, dir: cwd, log } = spec;
  if (spec.kind === 'mysqld') await clearSocketLock({ ...spec, shortDir: shortDirectory(state.id) });
  const started = await spawnDetached({ argv, cwd, log, mark: markOf(state) });
  await recordProcess(spec, started);
  await processReady(spec, started, shortDirectory(state.id));
}

/** Starts all processes of these kinds. */
export async function startKind(state: SandboxState, ...kinds: readonly ProcessKind[]): Promise<void> {
  const specs = state.processes.filter(({ kind }) => kinds.includes(kind));
  await settleAll(specs.map((spec) => startProcess(state, spec)));
}

/** Sends a signal; waits until the process is gone when it is one that ends it. False when it was not there. */
export async function signalProcess(target: ProcessId, signal: NodeJS.Signals): Promise<boolean> {
  if (!sendSignal(target, signal)) return false;
  if (signal === 'SIGKILL') await isGone(target, 10_000);
  if (signal === 'SIGSTOP') await isHalted(target, 5000);
  // mysqld flushes before it goes.
  if (signal === 'SIGTERM') await isGone(target, 30_000);
  return true;
}

/** Whose processes: by the sandbox's id, which a moved directory keeps, or by the directory when its state is lost. */
export function markMatcher(state: SandboxState | undefined, dir: string): (mark: string) => boolean {
  return (mark) => mark.endsWith(`@${dir}`) || (state !== undefined && mark.startsWith(`${state.id}@`));
}

/**
 * Kills every process of a sandbox, those on record and whatever else carries its mark, so that neither a lost state file nor a
 * process started by another one leaves an orphan. Nothing is asked to end in order: what it holds goes next, and is crash-safe
 * where it does not. Returns how many there were.
 */
export async function killSandboxProcesses(state: SandboxState | undefined, dir: string): Promise<number> {
  const isOurs = markMatcher(state, dir);
  const recorded = await Promise.all((state?.processes ?? []).map((spec) => runningProcess(spec)));
  const known = recorded.filter((found) => found !== undefined);
  return killAll(() => [...known.filter((target) => stateOf(target) !== 'stopped'), ...findMarked(isOurs)]);
}

/**
 * Kills what `find` finds until that is nothing: one may have started another before it died. One that waits for a frozen disk does not
 * die, so there is an end to it. Returns how many there were.
 */
export async function killAll(find: () => readonly ProcessId[], timeoutMs = 60_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  const met = new Set<number>();
  for (let left = find(); left.length > 0 && performance.now() < deadline; left = find()) {
    for (const target of left) {
      met.add(target.pid);
      sendSignal(target, 'SIGKILL');
    }
    await Promise.all(left.map((target) => isGone(target, deadline - performance.now())));
  }
  return met.size;
}
