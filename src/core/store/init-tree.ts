import type { Coordination } from '../../ports/coordination.ts';
import { createIfAbsent } from './put.ts';
import { skeleton } from './znodes.ts';

/** Makes what of the tree is not there yet; returns the paths it made. */
export async function initTree(store: Coordination): Promise<readonly string[]> {
  const made: string[] = [];
  for (const path of skeleton) {
    if (await createIfAbsent(store, path, '')) made.push(path);
  }
  return made;
}
