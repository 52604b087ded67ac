import { Buffer } from 'node:buffer';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { SalvageDraft, SalvagePlace, SalvageStore, SavedSet } from '../../ports/salvage.ts';
import type { Decompress } from '../binlog/payload.ts';
import type { GtidSet } from '../gtid/gtid-set.ts';
import type { Survey } from '../salvage/survey-model.ts';
import { EventReader } from '../salvage/read-places.ts';
import { printSalvageRecord, recordTransaction } from '../salvage/record.ts';
import { sessionPreamble, SqlRenderer } from '../salvage/render.ts';
import type { LookUpTable } from '../salvage/sql-table.ts';
import { invertibilityOf, type TableStanding } from './judge.ts';
import type { ErrantSurvey } from './survey-errant.ts';

export interface SaveRequest {
  readonly store: SalvageStore;
  readonly place: SalvagePlace;
  /** The server's own binlog. */
  readonly source: BinlogSource;
  readonly decompress: Decompress;
  readonly errant: GtidSet;
  readonly found: ErrantSurvey;
  readonly standing: TableStanding;
  readonly tables: LookUpTable;
}

/** As SQL, transactions are bigger than in the binlog. */
const readableFactor = 5;

/** Copies the files, writes what the transactions did as SQL and as an index; all of it is on the disk when this resolves. */
export async function saveErrant(request: SaveRequest): Promise<SavedSet> {
  const { store, place, source, found } = request;
  const listed = await source.list();
  const files = listed.filter(({ name }) => found.files.includes(name));
  const copied = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const sizeBytes = copied + readableFactor * found.surveys.reduce((sum, survey) => sum + bytesOf(survey), 0);
  await using draft = await store.begin(place, sizeBytes);
  for (const { name } of files) await copy(source, name, draft);
  await using reader = new EventReader(source, request.decompress);
  await draft.writeSql(readable(request, reader));
  await draft.writeIndex(printIndex(request));
  return await draft.keep();
}

/** Writes the readable parts of a set again, now that the server can say what its columns are called. */
export async function retellErrant(set: SavedSet, request: SaveRequest): Promise<void> {
  await using reader = new EventReader(request.source, request.decompress);
  await request.store.retell(set, { sql: readable(request, reader), index: printIndex(request) });
}

function bytesOf({ transaction: { start, end } }: Survey): number {
  return end - start;
}

async function copy(source: BinlogSource, name: string, draft: SalvageDraft): Promise<void> {
  await using file = await source.open(name);
  await draft.copy(name, file.read(0));
}

async function* readable(
  { found, tables, place }: SaveRequest,
  reader: EventReader,
): AsyncGenerator<Buffer, void> {
  yield Buffer.from(
    `-- ${found.surveys.length} transactions that only ${place.host} of group ${place.group} had. They are not on its primary.\n`,
  );
  yield Buffer.from(sessionPreamble);
  const renderer = new SqlRenderer(reader.read, { direction: 'forward', lookUp: tables });
  for (const survey of found.surveys) yield* renderer.render(survey);
}

function printIndex({ place, errant, found, standing }: SaveRequest): string {
  return printSalvageRecord({
    version: 1,
    savedAt: new Date(place.at).toISOString(),
    group: place.group,
    host: place.host,
    gtids: errant.toCompactString(),
    transactions: found.surveys.map((survey) => recordTransaction(survey, invertibilityOf(survey, standing))),
  });
}
