import type { Decompress } from '../../core/binlog/payload.ts';
import { parseGtidSet, type GtidSet } from '../../core/gtid/gtid-set.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { surveyErrant } from '../../core/rejoin/survey-errant.ts';
import { EventReader } from '../../core/salvage/read-places.ts';
import { parseSalvageRecord, type SalvageRecord } from '../../core/salvage/record.ts';
import type { Survey } from '../../core/salvage/survey-model.ts';
import type { SalvageStore, SavedSet } from '../../ports/salvage.ts';

/** A saved set with its index. */
export interface IndexedSet {
  readonly set: SavedSet;
  readonly record: SalvageRecord;
}

export async function indexedSets(store: SalvageStore): Promise<readonly IndexedSet[]> {
  return Promise.all((await store.list()).map((set) => indexed(store, set)));
}

async function indexed(store: SalvageStore, set: SavedSet): Promise<IndexedSet> {
  return { set, record: parseSalvageRecord(await store.readIndex(set), set.directory) };
}

/** By its directory, its name or the end of that; without one, the only one there is. Throws `NOT_FOUND`, `USAGE`. */
export async function findSet(store: SalvageStore, name: string | undefined): Promise<IndexedSet> {
  const sets = await store.list();
  const found = name === undefined ? sets : sets.filter((set) => isMeant(set, name));
  const [set, another] = found;
  if (set === undefined) {
    const what = name === undefined ? 'nothing is saved' : `nothing is saved as ${JSON.stringify(name)}`;
    throw new DcmhaError('NOT_FOUND', `${what} in salvage.directory of this host`);
  }
  if (another === undefined) return indexed(store, set);
  const names = found.map((one) => one.name).join(', ');
  throw new DcmhaError('USAGE', `say which set: ${names}`);
}

function isMeant({ name, directory }: SavedSet, text: string): boolean {
  const wanted = text.replace(/\/+$/, '');
  return directory === wanted || name === wanted || name.endsWith(`/${wanted}`);
}

/** Saved transactions, opened for reading. */
export interface OpenSet extends AsyncDisposable {
  readonly surveys: readonly Survey[];
  readonly reader: EventReader;
}

/** Those of `gtids`, or all. Throws `NOT_FOUND` when none is, BINLOG_CORRUPT when the copies are damaged. */
export async function openSet(
  store: SalvageStore,
  { set, record }: IndexedSet,
  { gtids, decompress }: { readonly gtids: string | undefined; readonly decompress: Decompress },
): Promise<OpenSet> {
  const saved = parseGtidSet(record.gtids);
  const wanted: GtidSet = gtids === undefined ? saved : parseGtidSet(gtids).intersect(saved);
  if (wanted.isEmpty())
    throw new DcmhaError('NOT_FOUND', `${set.name} has no transaction of ${gtids ?? record.gtids}`);
  const source = store.open(set);
  const { surveys } = await surveyErrant(source, wanted, decompress);
  const reader = new EventReader(source, decompress);
  return { surveys, reader, [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose]() };
}
