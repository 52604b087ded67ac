import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { createIfAbsent } from './put.ts';
import { znodes } from './znodes.ts';

/**
 * Names that were given to empty transactions on the primary, while this host may hold the transactions that had them first: its GTID set
 * alone does not show any more that its data differ.
 */
export interface BurntNames {
  readonly group: string;
  readonly gtids: string;
  /** Of the server that had them; another one beside the same agent was provisioned anew. Undefined: it could not be asked. */
  readonly uuid?: string | undefined;
  /** ms since 1970. */
  readonly at: number;
}

export interface StoredBurnt extends BurntNames {
  readonly version: number;
}

const burntNames = z.object({
  group: z.string(),
  gtids: z.string(),
  uuid: z.string().optional(),
  at: z.number(),
});

/** `burnt/H`; undefined when nothing is in question. Throws `ZNODE_MALFORMED`. */
export async function readBurnt(store: Coordination, id: string): Promise<StoredBurnt | undefined> {
  const path = znodes.burnt(id);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  return { ...decodeRecord(burntNames, path, node.data), version: node.version };
}

/** Adds to what is in question about a host. Safe to repeat, and by several at once. */
export async function addBurnt(store: Coordination, id: string, names: BurntNames): Promise<void> {
  const path = znodes.burnt(id);
  for (;;) {
    const before = await readBurnt(store, id);
    if (before === undefined && (await createIfAbsent(store, path, encodeOwn(names)))) return;
    const gtids = parseGtidSet(before?.gtids ?? '')
      .union(parseGtidSet(names.gtids))
      .toCompactString();
    const uuid = names.uuid ?? before?.uuid;
    const { group, at } = names;
    try {
      const record = { group, at, gtids, ...(uuid === undefined ? {} : { uuid }) };
      await store.write(path, encodeOwn(record), before?.version);
      return;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
    }
  }
}

/** Nothing is in question any more; false when more was added since it was read. */
export async function clearBurnt(
  store: Coordination,
  id: string,
  { version }: StoredBurnt,
): Promise<boolean> {
  try {
    await store.remove(znodes.burnt(id), version);
    return true;
  } catch (error) {
    if (hasCode(error, 'ZNODE_CONFLICT')) return false;
    throw error;
  }
}
