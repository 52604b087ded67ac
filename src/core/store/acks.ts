import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { readHistory, type HistoryRecord } from './history.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

const ackSchema = z.object({
  /** Of the primary that was recorded then: later failovers are not meant. An epoch is nobody's clock. */
  epoch: z.number().int(),
  by: z.string(),
  /** ms since 1970. */
  at: z.number(),
  why: z.string().default(''),
});
/** An operator's word that the cause of a group's last automatic failovers is known: they hold the next one back no more. */
export type Ack = z.infer<typeof ackSchema>;

/** `ack/G`. What cannot be read acknowledges nothing. */
export async function readAck(store: Coordination, group: string): Promise<Ack | undefined> {
  const path = znodes.ack(group);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  try {
    return decodeRecord(ackSchema, path, node.data);
  } catch (error) {
    if (hasCode(error, 'ZNODE_MALFORMED')) return undefined;
    throw error;
  }
}

export async function writeAck(store: Coordination, group: string, ack: Ack): Promise<void> {
  await put(store, znodes.ack(group), encodeOwn(ack));
}

/** False when there was none. */
export async function removeAck(store: Coordination, group: string): Promise<boolean> {
  return store.remove(znodes.ack(group));
}

/** The automatic failovers among a group's newest `limit` records that nobody has acknowledged, newest first. */
export async function openFailovers(
  store: Coordination,
  group: string,
  limit: number,
): Promise<readonly HistoryRecord[]> {
  const [records, ack] = await Promise.all([readHistory(store, group, limit), readAck(store, group)]);
  return records.filter(
    ({ kind, automatic, epoch }) =>
      kind === 'failover' &&
      automatic === true &&
      !(ack !== undefined && typeof epoch === 'number' && epoch <= ack.epoch),
  );
}
