import { RowsFlag } from '../binlog/rows.ts';
import { formatGtid } from '../gtid/gtid.ts';
import { InverseEvents, type InverseChunk } from './inverse-events.ts';
import { invertRows, type InverseRows } from './inverse-rows.ts';
import type { Obstacle, RowsEntry, Survey } from './survey-model.ts';
import { tableName, type CatalogTable } from './table-catalog.ts';

/** What the log does not tell of the server's tables, as they are now. */
export interface InversionFacts {
  /** Undefined: there is no such table. */
  readonly table: (schema: string, table: string) => TableFacts | undefined;
}

export interface TableFacts {
  /** Columns, generated and invisible ones included. */
  readonly columns: number;
  /** A primary key (a generated invisible one, too) or a unique one without NULLs. */
  readonly hasKey: boolean;
  /** Parent of a foreign key ON DELETE or ON UPDATE with CASCADE, SET NULL or SET DEFAULT. */
  readonly isCascadeParent: boolean;
}

export type Invertibility =
  { readonly kind: 'invertible' } | ({ readonly kind: 'not-invertible' } & Obstacle);

/** What fits into a `BINLOG` statement: base64 of it must fit one string and one packet. */
const largestEventBytes = 384 * 1024 * 1024;

/** Whether a transaction's rows can be put back as they were, exactly. How XA parts belong together is for `planInversion` to see. */
export function invertible(survey: Survey, facts: InversionFacts): Invertibility {
  if (survey.obstacle !== undefined) return { kind: 'not-invertible', ...survey.obstacle };
  for (const entry of survey.rows) {
    const obstacle = obstacleOf(entry, survey, facts);
    if (obstacle !== undefined) return { kind: 'not-invertible', ...obstacle };
  }
  return { kind: 'invertible' };
}

function obstacleOf(entry: RowsEntry, survey: Survey, facts: InversionFacts): Obstacle | undefined {
  const { schema, table, columns } = entry.table.format.table;
  const name = tableName(entry.table);
  const known = facts.table(schema, table);
  if (known === undefined) return { reason: 'table-missing', what: `${name} is not there any more` };
  if (known.columns !== columns.length) {
    return {
      reason: 'table-changed',
      what: `${name} has ${known.columns} columns, the log ${columns.length}`,
    };
  }
  if (entry.kind !== 'insert' && known.isCascadeParent && (entry.flags & RowsFlag.cascadesLogged) === 0) {
    return {
      reason: 'cascade-not-logged',
      what: `what foreign keys did after a change of ${name} is not in the log`,
    };
  }
  if (!known.hasKey && survey.partialJson.has(entry.table)) {
    return {
      reason: 'partial-json-without-key',
      what: `${name} has no key and its JSON was logged in parts`,
    };
  }
  if (entry.place.size > largestEventBytes) {
    return { reason: 'event-too-large', what: `a row event of ${name} has ${entry.place.size} bytes` };
  }
  return undefined;
}

/** How errant transactions are taken back. */
export type InversionPlan =
  | {
      readonly kind: 'plan';
      /** Prepared XA transactions that hold locks: `XA ROLLBACK` these first. */
      readonly rollbackXa: readonly string[];
      /** Newest first. */
      readonly undo: readonly Survey[];
    }
  | ({ readonly kind: 'not-invertible'; readonly survey: Survey } & Obstacle);

/**
 * Orders transactions, given oldest first, for taking them back. The rows of an XA transaction took effect at its XA COMMIT, so there is
 * where they are undone; prepared and rolled back is nothing at all.
 */
export function planInversion(surveys: readonly Survey[], facts: InversionFacts): InversionPlan {
  const prepared = new Map<string, Survey>();
  const undo: Survey[] = [];
  for (const survey of surveys) {
    const verdict = invertible(survey, facts);
    if (verdict.kind === 'not-invertible') return { ...verdict, survey };
    const { xa } = survey;
    if (xa === undefined) undo.push(survey);
    else if (xa.kind === 'prepare') prepared.set(xa.xid, survey);
    else {
      const start = prepared.get(xa.xid);
      if (start === undefined) return { ...withoutPrepare(xa.kind, xa.xid), survey };
      prepared.delete(xa.xid);
      if (xa.kind === 'commit') undo.push(start);
    }
  }
  return { kind: 'plan', rollbackXa: [...prepared.keys()].reverse(), undo: undo.reverse() };
}

function withoutPrepare(
  kind: 'commit' | 'rollback',
  xid: string,
): Obstacle & { readonly kind: 'not-invertible' } {
  const reason = kind === 'commit' ? 'xa-commit-without-prepare' : 'xa-rollback-without-prepare';
  return {
    kind: 'not-invertible',
    reason,
    what: `XA transaction ${xid} was prepared before these transactions`,
  };
}

/** Reads the body of an event again, without header and checksum. */
export type ReadBody = (survey: Survey, entry: RowsEntry) => Promise<Buffer>;

/**
 * The events that take transactions back, as chunks for `BINLOG` statements, to be applied in order after `inverseFormat` in one session.
 * `undo` is newest first. The next chunk is made while the caller applies one, so two of them and one event of the log are held at a time.
 */
export function invertTransactions(
  undo: Iterable<Survey>,
  read: ReadBody,
  eventBytes?: number,
): AsyncGenerator<InverseChunk, void> {
  return oneAhead(makeChunks(undo, read, eventBytes));
}

async function* oneAhead<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = source.next();
  for (;;) {
    const { value, done } = await next;
    if (done === true) return;
    next = source.next();
    // Seen by whoever asks for it; a caller that stops asking must not be ended by it.
    next.catch(() => undefined);
    yield value;
  }
}

async function* makeChunks(
  undo: Iterable<Survey>,
  read: ReadBody,
  eventBytes: number | undefined,
): AsyncGenerator<InverseChunk, void> {
  const events = new InverseEvents(eventBytes);
  for (const survey of undo) {
    for await (const rows of inverseRowsOf(survey, read)) yield* events.add(rows);
  }
  yield* events.flush();
}

async function* inverseRowsOf(survey: Survey, read: ReadBody): AsyncGenerator<InverseRows, void> {
  for (const entry of survey.rows.toReversed()) yield invertRows(entry, await read(survey, entry));
}

/** For messages: the transaction's GTID, or its place where it has none. */
export function nameOf({ transaction }: Survey): string {
  return transaction.gtid === undefined
    ? `${transaction.file}:${transaction.start}`
    : formatGtid(transaction.gtid);
}

/** Tables that taking back touches, for the comparison afterwards. */
export function touchedTables(undo: Iterable<Survey>): readonly CatalogTable[] {
  const tables = new Map<string, CatalogTable>();
  for (const survey of undo) for (const { table } of survey.rows) tables.set(tableName(table), table);
  return [...tables.values()];
}
