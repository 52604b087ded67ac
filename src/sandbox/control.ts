import { DcmhaError } from '../core/model/errors.ts';
import { liveProcesses } from './live-processes.ts';
import { signalProcess, startProcess } from './processes.ts';
import { type KillSignal, type Selection, selectProcesses } from './selection.ts';
import { settleAll } from './settle.ts';
import type { SandboxState } from './state.ts';

/** Signals the processes that are meant and returns their ids; those that are stopped already are passed over. */
export async function killProcesses(
  state: SandboxState,
  selection: Selection,
  signal: KillSignal = 'KILL',
): Promise<readonly string[]> {
  const meant = selectProcesses(await liveProcesses(state), selection);
  const met = await Promise.all(
    meant.map(async ({ id, process }) =>
      process !== undefined && (await signalProcess(process, `SIG${signal}`)) ? id : undefined,
    ),
  );
  return met.filter((id) => id !== undefined);
}

/** Starts what is meant and stopped, wakes what is paused, and returns the ids once they serve. */
export async function startProcesses(state: SandboxState, selection: Selection): Promise<readonly string[]> {
  if (selection.what === 'haproxy') {
    throw new DcmhaError('USAGE', 'HAProxy is started by its router: start that one, or wait a second');
  }
  const meant = selectProcesses(state.processes, selection);
  await killProcesses(state, selection, 'CONT');
  await settleAll(meant.map((spec) => startProcess(state, spec)));
  return meant.map(({ id }) => id);
}
