import { rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { shortDirectory } from './config-files.ts';
import { removeIsolation } from './isolation.ts';
import { thawMounts, unmountAll } from './mounts.ts';
import { freeNetwork } from './network.ts';
import { killSandboxProcesses } from './processes.ts';
import { stateFile, tryReadState } from './state.ts';

export interface TearDown {
  readonly killed: number;
  /** False when it was kept, or is not a sandbox's. */
  readonly removed: boolean;
}

/** Ends a sandbox, whatever is left of it, and removes its directory. Never fails because something is gone already. */
export async function tearDown(dir: string, options: { readonly keep?: boolean } = {}): Promise<TearDown> {
  const at = path.resolve(dir);
  const state = await tryReadState(at);
  await thawMounts(at);
  const killed = await killSandboxProcesses(state, at);
  if (options.keep !== true) await unmountAll(at);
  if (state === undefined) return { killed, removed: false };
  await rm(shortDirectory(state.id), { recursive: true, force: true });
  // What is kept keeps its addresses, too.
  if (options.keep === true) return { killed, removed: false };
  await freeNetwork(state.network, state.dir, async () => {
    if (state.isolated) await removeIsolation(state.network);
  });
  // What is ours by name goes; the directory itself only when nothing else is in it.
  for (const name of ['hosts', 'zookeeper', 'coordinators', 'routers', 'secrets', 'salvage', 'dcmha.yaml']) {
    await rm(path.join(at, name), { recursive: true, force: true });
  }
  await rm(stateFile(at), { force: true });
  try {
    await rmdir(at);
  } catch {
    // Somebody keeps files of their own there.
  }
  return { killed, removed: true };
}
