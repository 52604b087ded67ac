import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { isPaused, type Pause } from '../model/pause.ts';
import { decodeRecord, encodeShared } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

const pauseRecord = z.object({
  by: z.string().default(''),
  why: z.string().default(''),
  at: z.number().default(0),
  until: z.number().optional(),
});

/** The pause of a group (`white/G`), over or not. */
export async function readPause(store: Coordination, group: string): Promise<Pause | undefined> {
  return (await readAt(store, znodes.white(group)))?.pause;
}

/** The pause of one host (`white-host/H`), over or not. */
export async function readHostPause(store: Coordination, id: string): Promise<Pause | undefined> {
  return (await readAt(store, znodes.hostWhite(id)))?.pause;
}

/** Ids of all hosts that have a pause, over or not. */
export async function listHostPauses(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.hostWhites);
}

/** Pauses a group, or replaces its pause. */
export async function pauseGroup(store: Coordination, group: string, pause: Pause): Promise<void> {
  await put(store, znodes.white(group), encodeShared(pause));
}

/** Pauses a host, or replaces its pause. */
export async function pauseHost(store: Coordination, id: string, pause: Pause): Promise<void> {
  await put(store, znodes.hostWhite(id), encodeShared(pause));
}

/** False when it was not paused. */
export async function unpauseGroup(store: Coordination, group: string): Promise<boolean> {
  return store.remove(znodes.white(group));
}

/** False when it was not paused. */
export async function unpauseHost(store: Coordination, id: string): Promise<boolean> {
  return store.remove(znodes.hostWhite(id));
}

/**
 * Takes away the node of a pause whose time is over; one that was set anew meanwhile stays. `path`: `znodes.white` or `znodes.hostWhite`.
 * True when it was there.
 */
export async function removeEndedPause(store: Coordination, path: string, now: number): Promise<boolean> {
  const found = await readAt(store, path);
  if (found === undefined || isPaused(found.pause, now)) return false;
  try {
    return await store.remove(path, found.version);
  } catch (error) {
    if (hasCode(error, 'ZNODE_CONFLICT')) return false;
    throw error;
  }
}

/**
 * A node that cannot be read pauses all the same: someone wanted the group or host left alone, and doing so is the safe side.
 */
async function readAt(
  store: Coordination,
  path: string,
): Promise<{ readonly pause: Pause; readonly version: number } | undefined> {
  const node = await store.read(path);
  if (node === undefined) return undefined;
  const { version } = node;
  const silent = { by: '', why: '', at: node.modifiedAt };
  if (node.data.length === 0) return { pause: silent, version };
  try {
    return { pause: decodeRecord(pauseRecord, path, node.data), version };
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return { pause: { ...silent, why: error.message }, version };
  }
}
