import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import type { Durability } from '../decide/semi-sync.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** Where the transactions of a group are that were acknowledged to clients; kept by the primary's agent. */
export interface DurabilityRecord {
  /** The epoch whose agent wrote it. */
  readonly epoch: number;
  /** All of them hold; none: nothing is known. */
  readonly terms: readonly Durability[];
}

const durabilityRecord = z.object({
  epoch: z.number().int(),
  terms: z.array(z.object({ holders: z.array(z.string()), copies: z.number().int() })),
});

/** `durability/G` and its version; undefined where semi-sync was never managed. */
export async function readDurability(
  store: Coordination,
  group: string,
): Promise<(DurabilityRecord & { readonly version: number }) | undefined> {
  const path = znodes.durability(group);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  return { ...decodeRecord(durabilityRecord, path, node.data), version: node.version };
}

/** Throws `ZNODE_CONFLICT` when somebody else wrote it since `version` was read. */
export async function writeDurability(
  store: Coordination,
  group: string,
  record: DurabilityRecord,
  version: number | undefined,
): Promise<void> {
  const [path, text] = [znodes.durability(group), encodeOwn({ epoch: record.epoch, terms: record.terms })];
  if (version === undefined) await put(store, path, text);
  else await store.write(path, text, version);
}
