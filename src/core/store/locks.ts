import type { Coordination, Znode } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { encodeShared } from './codecs.ts';
import { createWithParents } from './put.ts';
import { parsePythonLiteral } from './python-literal.ts';
import { znodes } from './znodes.ts';

/** Held until released or until the session ends. It keeps coordinators out of each other's way; what fences is the journal. */
export interface Lock {
  release(): Promise<void>;
  /** Whether the node still is this session's. */
  isHeld(): Promise<boolean>;
}

/** A persistent lock younger than this may belong to a first program that is at work. */
const STALE_AFTER_MS = 60_000;

/**
 * Takes the lock of a group or host; undefined when another session holds it. `who` names the holder for people; a session that
 * holds the lock already gets it again. A persistent lock that the first program left behind is cleared at `now` (ms since 1970).
 */
export async function acquireLock(
  store: Coordination,
  target: string,
  who: { readonly by: string; readonly now: number },
): Promise<Lock | undefined> {
  const path = znodes.lock(target);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    // A lock that stands is seen by a read. An attempt to create it is a write of the ensemble, also when it fails; whoever waits for
    // the end of a plan wakes at each of its steps, and would make that plan wait for the disk twice.
    const node = await store.read(path);
    if (node === undefined) {
      if (await tryCreate(store, path, encodeShared({ by: who.by, at: who.now }))) return lockAt(store, path);
      continue;
    }
    if (isOwn(store, node)) return lockAt(store, path);
    if (!isLeftBehind(node, who.now)) return undefined;
    await removeStale(store, path, node);
  }
  return undefined;
}

async function tryCreate(store: Coordination, path: string, data: string): Promise<boolean> {
  try {
    await createWithParents(store, path, data, 'ephemeral');
    return true;
  } catch (error) {
    if (hasCode(error, 'ZNODE_EXISTS')) return false;
    throw error;
  }
}

function lockAt(store: Coordination, path: string): Lock {
  const isHeld = async (): Promise<boolean> => {
    const node = await store.read(path);
    return node !== undefined && isOwn(store, node);
  };
  return {
    isHeld,
    release: async () => {
      if (await isHeld()) await store.remove(path);
    },
  };
}

function isOwn(store: Coordination, node: Znode): boolean {
  return node.owner !== undefined && node.owner === store.sessionId();
}

function isLeftBehind(node: Znode, now: number): boolean {
  if (node.owner !== undefined || now - node.modifiedAt < STALE_AFTER_MS) return false;
  const text = node.data.toString('utf8').trim();
  if (text === '') return true;
  try {
    parsePythonLiteral(text);
    return true;
  } catch {
    // Not what the first program writes: someone put it there on purpose.
    return false;
  }
}

async function removeStale(store: Coordination, path: string, node: Znode): Promise<void> {
  try {
    await store.remove(path, node.version);
  } catch (error) {
    // Another coordinator was at it, too; the next attempt sees what is there now.
    if (!hasCode(error, 'ZNODE_CONFLICT')) throw error;
  }
}
