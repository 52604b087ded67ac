import type { ReadEvent } from '../binlog/binlog-reader.ts';
import { unsupported } from '../binlog/binlog-errors.ts';
import { EventType, eventTypeName, isRowsEventType } from '../binlog/event-types.ts';
import type { BinlogEvent } from '../binlog/event.ts';
import type { FormatDescription } from '../binlog/format-description.ts';
import { parseQueryEvent } from '../binlog/query-event.ts';
import { countRows, isDummyRows, parseRows, rowChanges, RowsFlag, type RowsEvent } from '../binlog/rows.ts';
import type { Transaction } from '../binlog/transactions.ts';
import { readStatement } from './statement.ts';
import type {
  EventPlace,
  Obstacle,
  ObstacleReason,
  RowsEntry,
  StatementEntry,
  Survey,
  TableChanges,
  XaPart,
} from './survey-model.ts';
import { TableCatalog, tableName, type CatalogTable } from './table-catalog.ts';

/** More of a statement is not kept: an index must stay small. */
const statementCharacters = 4096;

/**
 * Looks at the events of transactions, as `BinlogReader` hands them out, each once. Keeps a few numbers of each rows event, never its
 * bytes.
 */
export class Surveyor {
  readonly #catalog: TableCatalog;
  readonly #maps = new Map<number, CatalogTable>();
  #rows: RowsEntry[] = [];
  #statements: StatementEntry[] = [];
  #tables = new Map<string, TableChanges>();
  #partialJson = new Set<CatalogTable>();
  #obstacle: Obstacle | undefined;
  #xa: XaPart | undefined;
  #payload: Survey['payload'];
  #statement = 0;
  #place: EventPlace = { offset: -1, size: 0, index: 0 };

  constructor(catalog = new TableCatalog()) {
    this.#catalog = catalog;
  }

  /**
   * Returns the survey of the transaction that the event ends.
   * @throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED
   */
  accept({ event, format, grouped }: ReadEvent): Survey | undefined {
    if (grouped.kind === 'outside') return undefined;
    if (grouped.kind === 'first') this.#reset();
    const { offset } = event;
    const index = offset === this.#place.offset ? this.#place.index + 1 : 0;
    this.#place = { offset, size: event.header.size, index };
    this.#look(event, format);
    return grouped.kind === 'last' ? this.#finish(grouped.transaction) : undefined;
  }

  #look(event: BinlogEvent, format: FormatDescription): void {
    const { type, size } = event.header;
    if (type === EventType.TableMap) this.#lookAtMap(event, format);
    else if (isRowsEventType(type)) this.#lookAtRows(event, format);
    else if (type === EventType.Query) this.#lookAtQuery(event, format);
    else if (type === EventType.TransactionPayload) this.#payload = { offset: event.offset, size };
    else this.#lookAtOther(type);
  }

  #finish(transaction: Transaction): Survey {
    const isUndone = transaction.ending === 'rollback' && this.#rows.length > 0;
    if (isUndone) this.#refuse('rolled-back', 'changes of tables without transactions beside a ROLLBACK');
    if (transaction.ending === 'incident') this.#refuse('incident', 'the server lost events here');
    const survey: Survey = {
      transaction,
      rows: this.#rows,
      statements: this.#statements,
      tables: this.#tables,
      partialJson: this.#partialJson,
      obstacle: this.#obstacle,
      payload: this.#payload,
      xa: isWholeXaPart(this.#xa, transaction) ? this.#xa : undefined,
    };
    this.#reset();
    return survey;
  }

  #reset(): void {
    this.#maps.clear();
    this.#rows = [];
    this.#statements = [];
    this.#tables = new Map();
    this.#partialJson = new Set();
    this.#obstacle = undefined;
    this.#xa = undefined;
    this.#payload = undefined;
  }

  #lookAtMap({ body }: BinlogEvent, format: FormatDescription): void {
    const table = this.#catalog.intern(body, format);
    this.#maps.set(table.format.table.tableId, table);
  }

  #lookAtRows({ header, body }: BinlogEvent, format: FormatDescription): void {
    const rows = parseRows(header, body, format);
    if (!isDummyRows(rows)) this.#addRows(rows, format);
    if ((rows.flags & RowsFlag.statementEnd) === 0) return;
    this.#statement++;
    this.#maps.clear();
  }

  #addRows(rows: RowsEvent, format: FormatDescription): void {
    const table = this.#maps.get(rows.tableId);
    if (table === undefined)
      throw unsupported(`rows of table ${rows.tableId}, which the log does not describe`);
    const count = countRows(rows, table.format);
    const { type, kind, flags } = rows;
    this.#rows.push({
      place: this.#place,
      format,
      type,
      kind,
      flags,
      table,
      rows: count,
      statement: this.#statement,
    });
    const name = tableName(table);
    const changes = this.#tables.get(name) ?? { inserts: 0, updates: 0, deletes: 0 };
    changes[counters[kind]] += count;
    this.#tables.set(name, changes);
    if (rows.before?.complete === false || rows.after?.complete === false) {
      this.#refuse('partial-image', `${name} was changed under a row image that leaves columns out`);
    }
    if (type === EventType.PartialUpdateRows && hasPartialValues(rows, table)) this.#partialJson.add(table);
  }

  #lookAtQuery({ body }: BinlogEvent, format: FormatDescription): void {
    const { query, schema } = parseQueryEvent(body);
    const text = query.toString('utf8', 0, statementCharacters);
    const statement = readStatement(text);
    if (statement.kind === 'xa') this.#xa = statement.part;
    if (statement.kind === 'xa' || statement.kind === 'harmless') return;
    this.#statements.push({ place: this.#place, format, schema, text, statement: this.#statement++ });
    this.#refuse('statement', text.slice(0, 200));
  }

  #lookAtOther(type: number): void {
    if (harmlessTypes.has(type)) return;
    if (sessionVariables.has(type)) this.#refuse('session-variable', `${eventTypeName(type)} of a statement`);
    else if (loadData.has(type)) this.#refuse('load-data', 'LOAD DATA was logged as a statement');
    else if (type === EventType.Incident) this.#refuse('incident', 'the server lost events here');
    else this.#refuse('unknown-event', `event of ${eventTypeName(type)}`);
  }

  /** The first obstacle is the one that is told. */
  #refuse(reason: ObstacleReason, what: string): void {
    this.#obstacle ??= { reason, what };
  }
}

/** XA START counts where the transaction stays prepared; XA COMMIT and XA ROLLBACK where they are a transaction of their own. */
function isWholeXaPart(part: XaPart | undefined, { ending }: Transaction): boolean {
  return part?.kind === 'prepare' ? ending === 'prepare' : ending === 'statement';
}

const counters = { insert: 'inserts', update: 'updates', delete: 'deletes' } as const;

const harmlessTypes: ReadonlySet<number> = new Set([
  EventType.Gtid,
  EventType.AnonymousGtid,
  EventType.GtidTagged,
  EventType.Xid,
  EventType.XaPrepare,
  EventType.RowsQuery,
  EventType.Ignorable,
  EventType.TransactionContext,
  EventType.ViewChange,
  EventType.Rotate,
  EventType.Stop,
  EventType.FormatDescription,
  EventType.PreviousGtids,
  EventType.Heartbeat,
  EventType.HeartbeatV2,
]);

const sessionVariables: ReadonlySet<number> = new Set([EventType.IntVar, EventType.Rand, EventType.UserVar]);

const loadData: ReadonlySet<number> = new Set([
  EventType.BeginLoadQuery,
  EventType.AppendBlock,
  EventType.ExecuteLoadQuery,
  EventType.DeleteFile,
]);

function hasPartialValues(rows: RowsEvent, { format }: CatalogTable): boolean {
  for (const { after } of rowChanges(rows, format)) {
    if (after === undefined || after.partialAt < 0) continue;
    const bits = rows.body.subarray(after.partialAt, after.nullsAt);
    if (bits.some((byte) => byte !== 0)) return true;
  }
  return false;
}
