import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './call-options.ts';

/** A transaction that is open on a server; whoever owns it keeps a planned change waiting. */
export interface OpenTransaction {
  /** The session's number in the process list. */
  readonly session: number;
  readonly user: string;
  /** Whole seconds. */
  readonly seconds: number;
}

/** What a planned change of the primary looks at, on each server, before anything changes. */
export interface ServerSurvey {
  /** It writes a binlog, and what it applies as a replica is in there. */
  readonly logsReplicated: boolean;
  /** Privileges that our account lacks there; empty as well when they come by a role and cannot be told. */
  readonly missingGrants: readonly string[];
  /** Oldest first; only on a primary worth a look. */
  readonly transactions: readonly OpenTransaction[];
}

/** What a drain left when its time was over. */
export interface Drained {
  /** Client sessions that were in the middle of something. */
  readonly busy: number;
}

/** How long a drain may take, ms, of which those who are in the middle of something are given `forMs`. */
export const longestDrainMs = (forMs: number): number => forMs * 4;

/** What only planned changes of a primary ask of MySQL servers. Throws what `Mysql` throws. */
export interface PlannedMysql {
  survey(server: Endpoint, options: CallOptions): Promise<ServerSurvey>;
  /** A first look for a {@link drain} within a second, which can tell then who came since. */
  lookAtClients(server: Endpoint, options: CallOptions): Promise<void>;
  /**
   * Waits until every client session was once between two statements or transactions, at most `timeoutMs`, and ends those that rest there. New
   * ones are expected to be held elsewhere; who is just logging in, or came since {@link lookAtClients} and has had no transaction yet, is waited
   * for {@link longestDrainMs}.
   */
  drain(server: Endpoint, options: CallOptions): Promise<Drained>;
}
