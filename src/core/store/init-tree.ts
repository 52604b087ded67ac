import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError } from '../model/errors.ts';
import { createIfAbsent } from './put.ts';
import { skeleton, znodes } from './znodes.ts';

/** Makes the installation's root and what of its tree is not there yet; returns the paths it made (the root is ''). */
export async function initTree(store: Coordination): Promise<readonly string[]> {
  const made: string[] = [];
  for (const path of ['', ...skeleton]) {
    if (await createIfAbsent(store, path, '')) made.push(path);
  }
  return made;
}

/** Throws `NOT_FOUND` when `dcmha init` has not been run here. */
export async function requireTree(store: Coordination): Promise<void> {
  if ((await store.read(znodes.groups)) !== undefined) return;
  throw new DcmhaError(
    'NOT_FOUND',
    'ZooKeeper holds no installation at zookeeper.root: run `dcmha init`, or correct the path',
  );
}
