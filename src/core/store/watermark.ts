import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import type { Watermark } from '../model/group.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** As it is kept in the watermark, and in a plan. */
export const trailSchema = z.array(z.object({ at: z.number(), since: z.string() }));
const count = z.number().int();

const watermarkRecord = z.object({
  epoch: z.number().int(),
  executed: z.string(),
  at: z.number(),
  mysql: z.string().optional(),
  trail: trailSchema.optional(),
  semiSync: z
    .object({
      on: z.union([z.literal(0), z.literal(1)]),
      acks: count,
      clients: count,
      waiting: count,
      acknowledged: count,
      unacknowledged: count,
    })
    .optional(),
});

/** The highest executed set known of the primary; undefined before the first one. */
export async function readWatermark(store: Coordination, group: string): Promise<Watermark | undefined> {
  const path = znodes.watermark(group);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  return decodeRecord(watermarkRecord, path, node.data);
}

/** Written by the primary's agent; a success renews its lease from the moment before this call. Returns the znode's version. */
export async function writeWatermark(
  store: Coordination,
  group: string,
  watermark: Watermark,
): Promise<number> {
  return put(store, znodes.watermark(group), encodeOwn(watermark));
}
