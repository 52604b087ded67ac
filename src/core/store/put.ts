import type { Coordination, CreateMode } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';

/** Writes a node whether it exists or not, with its parents; returns its version. */
export async function put(store: Coordination, path: string, data: string): Promise<number> {
  for (;;) {
    try {
      return await store.write(path, data);
    } catch (error) {
      if (!hasCode(error, 'ZNODE_MISSING')) throw error;
    }
    if (await createIfAbsent(store, path, data)) return 0;
  }
}

/** False when it existed. Missing parents are made. */
export async function createIfAbsent(store: Coordination, path: string, data: string): Promise<boolean> {
  try {
    await createWithParents(store, path, data);
    return true;
  } catch (error) {
    if (hasCode(error, 'ZNODE_EXISTS')) return false;
    throw error;
  }
}

/** Creates a node, and empty ones above it where they are missing; returns the path made. */
export async function createWithParents(
  store: Coordination,
  path: string,
  data: string,
  mode: CreateMode = 'persistent',
): Promise<string> {
  try {
    return await store.create(path, data, mode);
  } catch (error) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (!hasCode(error, 'ZNODE_MISSING') || parent === '') throw error;
    await createIfAbsent(store, parent, '');
    return store.create(path, data, mode);
  }
}
