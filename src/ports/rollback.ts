import type { Endpoint } from '../core/model/endpoint.ts';
import type { TableStanding } from '../core/rejoin/judge.ts';
import type { InverseChunk } from '../core/salvage/inverse-events.ts';
import type { LookUpTable } from '../core/salvage/sql-table.ts';
import type { CallOptions } from './call-options.ts';

export interface TakeBackRequest {
  /** The plan: the mark that the transaction leaves. */
  readonly id: string;
  /** A format description event, as `inverseFormat` makes it; undefined when there are no chunks. */
  readonly format: Buffer | undefined;
  /** Prepared XA transactions that hold locks. */
  readonly rollbackXa: readonly string[];
  readonly chunks: AsyncIterable<InverseChunk>;
  /** Of the biggest row event that is undone: no chunk is much bigger. */
  readonly largestBytes: number;
}

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export type Comparison =
  | { readonly kind: 'same'; readonly executed: string }
  /** Found more than once, each time at one GTID set. */
  | { readonly kind: 'different'; readonly table: TableName };

/** What is done to a server that takes transactions back. Throws as `Mysql` does; deadlines are of single statements. */
export interface Rollback {
  standing(server: Endpoint, options: CallOptions): Promise<TableStanding>;
  /** Names and types of columns, for the readable form. */
  tables(server: Endpoint, options: CallOptions): Promise<LookUpTable>;
  /** read_only stays on, super_read_only goes off: only this account and its like can write. For `WriteGate` alone. */
  lift(server: Endpoint, options: CallOptions): Promise<void>;
  /** Whether `takeBack` of this plan was committed. */
  isMarked(server: Endpoint, id: string, options: CallOptions): Promise<boolean>;
  /** Undoes rows in one transaction that is not logged, with the mark in it; how many rows. Needs `lift`. Done already: 0. */
  takeBack(server: Endpoint, request: TakeBackRequest, options: CallOptions): Promise<number>;
  /**
   * Makes the server's executed set `kept` with an empty binlog. Done already, or begun: goes on. Throws `MYSQL_REJECTED` when the
   * server has executed anything outside `own`.
   */
  resetGtids(
    server: Endpoint,
    sets: { readonly own: string; readonly kept: string },
    options: CallOptions,
  ): Promise<void>;
  /**
   * Executes an empty transaction of each of these names that the server has not executed, so that nobody gives it to another one; how
   * many. For the primary.
   */
  burn(server: Endpoint, gtids: string, options: CallOptions): Promise<number>;
  /** The rows of the tables, with both servers at one GTID set. Replication runs afterwards, if they are the same. */
  compare(
    servers: { readonly replica: Endpoint; readonly primary: Endpoint },
    tables: readonly TableName[],
    options: CallOptions,
  ): Promise<Comparison>;
}

export interface Refusal {
  readonly statement: string;
  readonly why: string;
}

/** A session on a primary, for putting saved transactions there again. Throws as `Mysql` does. */
export interface Reapplication extends AsyncDisposable {
  tables(): Promise<LookUpTable>;
  /** Tables that must not be changed so, and why: triggers would change other rows a second time; no transactions, no undoing. */
  unsuitable(): Promise<readonly (TableName & { readonly why: string })[]>;
  /** What a `SELECT COUNT(*) AS n` finds. */
  count(sql: string): Promise<number>;
  /**
   * Runs statements in one transaction, each of which must change one row, just as it was. Committed only when all do, and only with
   * `commit`; else everything is undone. Stops at the first refusal.
   */
  run(
    statements: AsyncIterable<string>,
    options: { readonly commit: boolean },
  ): Promise<{ readonly rows: number; readonly refusal?: Refusal }>;
}
