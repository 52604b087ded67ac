import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { createWithParents } from './put.ts';
import { znodes } from './znodes.ts';

/** A decision that was taken or refused, and why. Other keys belong to whoever decides. */
const historyRecord = z.looseObject({
  id: z.string().min(1),
  kind: z.string().min(1),
  /** ms since 1970. */
  at: z.number(),
});
export type HistoryRecord = z.infer<typeof historyRecord>;

const KEPT = 200;
/** A record that is repeated after a crash is among the newest. */
const SEARCHED_FOR_REPEATS = 10;

/** Adds a record and forgets the oldest beyond 200. A record whose id is among the newest is not added twice. */
export async function appendHistory(
  store: Coordination,
  group: string,
  record: HistoryRecord,
): Promise<void> {
  for (;;) {
    const names = await store.children(znodes.histories(group));
    const newest = await readHistory(store, group, SEARCHED_FOR_REPEATS);
    if (newest.some(({ id }) => id === record.id)) break;
    try {
      await createWithParents(store, znodes.history(group, numberOf(names.at(-1)) + 1), encodeOwn(record));
      break;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_EXISTS')) throw error;
      // Someone else added one at the same moment: take the next number.
    }
  }
  await prune(store, group);
}

/** The newest records, newest first. Malformed ones are passed over. */
export async function readHistory(
  store: Coordination,
  group: string,
  limit = KEPT,
): Promise<readonly HistoryRecord[]> {
  const names = [...(await store.children(znodes.histories(group)))].reverse().slice(0, limit);
  const records = await Promise.all(
    names.map((name) => readRecord(store, `${znodes.histories(group)}/${name}`)),
  );
  return records.filter((record) => record !== undefined);
}

async function readRecord(store: Coordination, path: string): Promise<HistoryRecord | undefined> {
  const node = await store.read(path);
  try {
    return node && decodeRecord(historyRecord, path, node.data);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return undefined;
  }
}

async function prune(store: Coordination, group: string): Promise<void> {
  const names = await store.children(znodes.histories(group));
  for (const name of names.slice(0, -KEPT)) await store.remove(`${znodes.histories(group)}/${name}`);
}

function numberOf(name: string | undefined): number {
  const number = Number(name ?? -1);
  return Number.isSafeInteger(number) ? number : -1;
}
