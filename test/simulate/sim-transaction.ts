import { EventType } from '../../src/core/binlog/event-types.ts';
import { EVENT_HEADER_SIZE } from '../../src/core/binlog/event.ts';
import { parseFormatDescription } from '../../src/core/binlog/format-description.ts';
import { rowFormat } from '../../src/core/binlog/row-format.ts';
import { parseRows, rowChanges, type RowImage } from '../../src/core/binlog/rows.ts';
import { parseTableMap } from '../../src/core/binlog/table-map.ts';
import type { Gtid } from '../../src/core/gtid/gtid.ts';
import { statementBody, type MadeEvent } from '../support/made-binlog.ts';
import { tableNames, type Change } from './sim-tables.ts';

/** One transaction; without changes, only its name is taken. The same object wherever it goes. */
export interface Transaction {
  readonly gtid: Gtid;
  readonly changes: readonly Change[];
}

const LONG = 3;
const STATEMENT_END = 1;

/** As mysqld writes it with binlog_format=ROW and whole row images. */
export function eventsOf({ changes }: Transaction): readonly MadeEvent[] {
  const query = (text: string): MadeEvent => ({ type: EventType.Query, body: statementBody(text) });
  if (changes.length === 0) return [query('BEGIN'), query('COMMIT')];
  const rows = changes.flatMap((change) => [tableMap(change.table), rowsEvent(change)]);
  return [query('BEGIN'), ...rows, { type: EventType.Xid, body: Buffer.alloc(8, 1) }];
}

function tableMap(number: number): MadeEvent {
  const { schema, table } = tableNames[number] ?? { schema: '', table: '' };
  const head = Buffer.alloc(8);
  head.writeUInt32LE(100 + number);
  const name = (text: string) => [text.length, ...Buffer.from(text), 0];
  const columns = [2, LONG, LONG, 0, 0];
  return {
    type: EventType.TableMap,
    body: Buffer.concat([head, Buffer.from([...name(schema), ...name(table), ...columns])]),
  };
}

function rowsEvent(change: Change): MadeEvent {
  const { before, after } = change;
  const head = Buffer.alloc(10);
  head.writeUInt32LE(100 + change.table);
  head.writeUInt16LE(STATEMENT_END, 6);
  head.writeUInt16LE(2, 8);
  const isUpdate = before !== undefined && after !== undefined;
  const type =
    before === undefined ? EventType.WriteRows : isUpdate ? EventType.UpdateRows : EventType.DeleteRows;
  const columns = Buffer.from([2, 3, ...(isUpdate ? [3] : [])]);
  return { type, body: Buffer.concat([head, columns, rowImages(change)]) };
}

/** The rows as they are in an event; no other change has the same. */
export function rowImages({ id, before, after }: Change): Buffer {
  const images = [before, after].flatMap((value) => {
    if (value === undefined) return [];
    const image = Buffer.alloc(9);
    image.writeInt32LE(id, 1);
    image.writeInt32LE(value, 5);
    return [image];
  });
  return Buffer.concat(images);
}

/** What the events of a `BINLOG` statement change, in their order. `format`: the format description before them, whole. */
export function changesOf(format: Buffer, events: Buffer): readonly Change[] {
  const description = parseFormatDescription(format);
  const maps = new Map<number, ReturnType<typeof parseTableMap>>();
  const changes: Change[] = [];
  for (let at = 0; at < events.length; at += events.readUInt32LE(at + 9)) {
    const type = events.readUInt8(at + 4);
    const body = events.subarray(at + EVENT_HEADER_SIZE, at + events.readUInt32LE(at + 9));
    if (type === EventType.TableMap) {
      const map = parseTableMap(body, description);
      maps.set(map.tableId, map);
      continue;
    }
    const rows = parseRows({ type }, body, description);
    const map = maps.get(rows.tableId);
    if (map === undefined) throw new Error(`rows of table ${rows.tableId}, which nothing describes`);
    const table = tableNames.findIndex((one) => one.schema === map.schema && one.table === map.table);
    const read = (image: RowImage | undefined, offset: number) =>
      image === undefined ? undefined : body.readInt32LE(image.valuesAt + offset);
    for (const { before, after } of rowChanges(rows, rowFormat(map))) {
      const id = read(before ?? after, 0) ?? 0;
      changes.push({ table, id, before: read(before, 4), after: read(after, 4) });
    }
  }
  return changes;
}
