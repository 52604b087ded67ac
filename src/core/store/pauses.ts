import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeShared } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** A group on which nothing is done automatically. Times in ms since 1970. */
export interface Pause {
  readonly by: string;
  readonly why: string;
  readonly at: number;
  /** The pause ends by itself then. */
  readonly until?: number | undefined;
}

const pauseRecord = z.object({
  by: z.string().default(''),
  why: z.string().default(''),
  at: z.number().default(0),
  until: z.number().optional(),
});

/**
 * The pause of a group. A node that cannot be read pauses all the same: someone wanted the group left alone, and doing so is the
 * safe side.
 */
export async function readPause(store: Coordination, group: string): Promise<Pause | undefined> {
  const path = znodes.white(group);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  const silent = { by: '', why: '', at: node.modifiedAt };
  if (node.data.length === 0) return silent;
  try {
    return decodeRecord(pauseRecord, path, node.data);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return { ...silent, why: error.message };
  }
}

/** Whether a pause is in force at `now` (ms since 1970). */
export function isPaused(pause: Pause | undefined, now: number): boolean {
  return pause !== undefined && (pause.until === undefined || now < pause.until);
}

/** Pauses a group, or replaces its pause. */
export async function pauseGroup(store: Coordination, group: string, pause: Pause): Promise<void> {
  await put(store, znodes.white(group), encodeShared(pause));
}

/** False when it was not paused. */
export async function unpauseGroup(store: Coordination, group: string): Promise<boolean> {
  return store.remove(znodes.white(group));
}
