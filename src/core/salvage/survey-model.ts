import type { FormatDescription } from '../binlog/format-description.ts';
import type { RowsEvent } from '../binlog/rows.ts';
import type { Transaction } from '../binlog/transactions.ts';
import type { CatalogTable } from './table-catalog.ts';

/** Where an event can be read again. */
export interface EventPlace {
  /** In the file; inside a compressed transaction that of the payload event. */
  readonly offset: number;
  /** Of the event, header and checksum included. */
  readonly size: number;
  /** Which one it is of the events that share the offset. */
  readonly index: number;
}

/** One rows event of a transaction. */
export interface RowsEntry {
  readonly place: EventPlace;
  readonly format: FormatDescription;
  readonly type: number;
  readonly kind: RowsEvent['kind'];
  readonly flags: number;
  readonly table: CatalogTable;
  readonly rows: number;
  /** Statements are numbered through all transactions; one ends at an event with the flag for it. */
  readonly statement: number;
}

export interface StatementEntry {
  readonly place: EventPlace;
  readonly format: FormatDescription;
  readonly schema: string;
  readonly text: string;
  readonly statement: number;
}

/** Why a transaction cannot be taken back. Scripts match on `reason`; `what` is for people. */
export interface Obstacle {
  readonly reason: ObstacleReason;
  readonly what: string;
}

export type ObstacleReason =
  | 'statement'
  | 'session-variable'
  | 'load-data'
  | 'partial-image'
  | 'rolled-back'
  | 'incident'
  | 'cascade-not-logged'
  | 'table-missing'
  | 'table-changed'
  | 'partial-json-without-key'
  | 'xa-commit-without-prepare'
  | 'xa-rollback-without-prepare'
  | 'event-too-large'
  | 'unknown-event';

export interface TableChanges {
  inserts: number;
  updates: number;
  deletes: number;
}

export interface XaPart {
  readonly kind: 'prepare' | 'commit' | 'rollback';
  readonly xid: string;
}

/** What a transaction did: enough to list it, to judge whether it can be taken back, and to find its rows again. */
export interface Survey {
  readonly transaction: Transaction;
  /** In the order of the log. */
  readonly rows: readonly RowsEntry[];
  /** DDL and other statements that the rows events do not say. */
  readonly statements: readonly StatementEntry[];
  /** By `schema.table`. */
  readonly tables: ReadonlyMap<string, Readonly<TableChanges>>;
  /** Tables with updates of which the log has parts of JSON documents only. */
  readonly partialJson: ReadonlySet<CatalogTable>;
  /** Found in the log itself; what only the server knows is judged in `invertible`. */
  readonly obstacle: Obstacle | undefined;
  readonly xa: XaPart | undefined;
  /** The payload event of a compressed transaction. */
  readonly payload: Pick<EventPlace, 'offset' | 'size'> | undefined;
}
