import type { BinlogPlace } from '../core/model/agent-memory.ts';
import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './call-options.ts';
import type { EventMysql } from './events.ts';
import type { PlannedMysql } from './switchover.ts';

/** One attempt to talk to a server. A refusal is an answer: something alive said no. */
export type Probe =
  | { readonly kind: 'up'; readonly status: ServerStatus }
  | { readonly kind: 'refused'; readonly errno: number; readonly message: string }
  | { readonly kind: 'down'; readonly code: string; readonly message: string };

/** What a server says of itself. GTID sets are text as the server prints them, white space removed. */
export interface ServerStatus {
  readonly serverUuid: string;
  readonly serverId: number;
  readonly version: string;
  readonly readOnly: boolean;
  readonly superReadOnly: boolean;
  readonly gtidMode: string;
  readonly executed: string;
  /** What sessions are executing or committing under these names; undefined when it was not asked. */
  readonly owned?: string | undefined;
  readonly purged: string;
  readonly channels: readonly ChannelStatus[];
  /** mysqld's pid file, absolute; undefined when it was not asked. */
  readonly pidFile?: string | undefined;
  /** What it received and had not applied is thrown away when it starts; undefined when it was not asked. */
  readonly relayLogRecovery?: boolean | undefined;
  /** Where its binlog is, absolute; undefined when it writes none, or was not asked. */
  readonly binlog?: BinlogPlace | undefined;
}

/** One replication channel of a replica; the default channel's name is ''. */
export interface ChannelStatus {
  readonly name: string;
  readonly source: Endpoint;
  /** connecting: running, not attached to its source. */
  readonly receiver: 'on' | 'connecting' | 'off';
  readonly applier: 'on' | 'off';
  readonly retrieved: string;
  /** Seconds behind, as the server estimates; undefined when it cannot tell. */
  readonly lagSeconds: number | undefined;
  readonly receiverError: string | undefined;
  readonly applierError: string | undefined;
  /** Age of the last heartbeat or event from the source, ms; undefined when the server does not tell. */
  readonly lastHeardMs: number | undefined;
  /** How far its applier is; undefined when the server does not tell. */
  readonly progress?: ApplierProgress | undefined;
}

/**
 * Times of one channel as performance_schema has them, ms since 1970. What was committed is of the source's clock, everything else of the
 * replica's own.
 */
export interface ApplierProgress {
  readonly now: number;
  /** When the newest transaction that was applied here was committed first, and when it was applied. */
  readonly committedAt: number | undefined;
  readonly appliedAt: number | undefined;
  /** When the oldest of those being applied was committed first. */
  readonly applyingSince: number | undefined;
  /** The source had nothing to send then. */
  readonly heartbeatAt: number | undefined;
  readonly heartbeatEveryMs: number;
}

export interface ClockOffset {
  readonly aheadMs: number;
  readonly roundTripMs: number;
}

/** How a replica is attached to its source. Always issued whole: nothing relies on what was there. */
export interface SourceProfile {
  readonly source: Endpoint;
  readonly channel: string;
  /**
   * At least so many appliers at once, on this channel alone, for as long as it runs: the more wait for the disk together, the fewer times
   * it is waited for. 1: just one, which starts soonest. A server set to one applier, or one too old to be told per channel, is left as it is.
   */
  readonly workers?: number | undefined;
  /** A channel from another region: it logs in with that account, and does not receive everything. */
  readonly regional?: RegionalProfile | undefined;
}

/** What is special about a channel from another region. */
export interface RegionalProfile {
  readonly ssl: boolean;
  /** Patterns of `database.table` that are received; [] for all. */
  readonly only: readonly string[];
  /** Patterns of what is not. */
  readonly ignore: readonly string[];
  /** Refused by a read-only server: an order may be late, and reach one that is not the primary any more. */
  readonly mustBeOpen?: boolean | undefined;
}

/** What one small commit on a primary came to. */
export type CommitProbe =
  | { readonly kind: 'committed'; readonly tookMs: number }
  /** super_read_only is on: nobody can commit here, so this says nothing about the disk. */
  | { readonly kind: 'read-only' }
  /** It answers, yet the commit did not come back before the deadline, or the server reports a full disk. */
  | { readonly kind: 'stalled'; readonly message: string }
  /** The file system, or InnoDB, became read-only under it. */
  | { readonly kind: 'read-only-fs'; readonly message: string }
  | { readonly kind: 'refused'; readonly errno: number; readonly message: string }
  | { readonly kind: 'down'; readonly code: string; readonly message: string };

export interface FenceCallOptions extends CallOptions {
  /**
   * Statements that run may end for so long before their sessions are killed; no new one writes meanwhile. When all have, no session is killed: {@link
   * Mysql.endSessions} does that, for which nobody waits. Not given: they are killed first.
   */
  readonly graceMs?: number | undefined;
}

/** A server that nobody writes to any more. */
export interface Fenced {
  /** How many sessions were killed. */
  readonly killed: number;
  /** All that it will ever have executed of its own. */
  readonly executed: string;
}

/**
 * What is done to MySQL servers, each safe to repeat. Throws `MYSQL_UNREACHABLE` (no connection), `MYSQL_REFUSED` (an answer
 * that says no: 1040, 1045...), `MYSQL_REJECTED` (a statement failed), `TIMED_OUT`. Messages never hold a password.
 */
export interface Mysql extends PlannedMysql, EventMysql {
  /** Never throws: the outcome is the value. */
  probe(server: Endpoint, options: CallOptions): Promise<Probe>;
  status(server: Endpoint, options: CallOptions): Promise<ServerStatus>;
  /** How far the server's clock is ahead of this host's, ms, give or take half of `roundTripMs`. */
  clockOffset(server: Endpoint, options: CallOptions): Promise<ClockOffset>;
  /**
   * super_read_only=ON, then kills every session that could still write, and stops the appliers of regional channels, which it does not
   * bind.
   */
  fence(server: Endpoint, options: FenceCallOptions): Promise<Fenced>;
  /** Kills the sessions that a {@link fence} with a grace has left. Resolves to how many. */
  endSessions(server: Endpoint, options: CallOptions): Promise<number>;
  /** super_read_only=OFF, read_only=OFF. Called by the agent only. */
  openWrites(server: Endpoint, options: CallOptions): Promise<void>;
  /** Ends the receiver of a channel; the applier goes on. */
  stopReceiver(server: Endpoint, channel: string, options: CallOptions): Promise<void>;
  /** Starts both threads of a channel (or nothing when the channel is not configured). */
  startReplication(server: Endpoint, channel: string, options: CallOptions): Promise<void>;
  /** True when all of `gtids` were executed before the deadline. */
  waitExecuted(server: Endpoint, gtids: string, options: CallOptions): Promise<boolean>;
  /** Stops and forgets a channel (STOP REPLICA; RESET REPLICA ALL); a missing one is done already. */
  resetReplication(server: Endpoint, channel: string, options: CallOptions): Promise<void>;
  /**
   * Points a channel at a source with AUTO_POSITION and starts it; an equal running channel is left alone. Throws `MYSQL_REJECTED` where a regional one
   * must not be.
   */
  follow(server: Endpoint, profile: SourceProfile, options: CallOptions): Promise<void>;
  /**
   * Replaces the one row of `dcmha.heartbeat` (made when missing) as an ordinary replicated transaction, so it fails where the
   * application's own commits fail: redo, binlog, semi-sync. Never throws. Only for a writable primary. While an earlier probe of a
   * server still hangs, a call waits for that one instead of piling up sessions.
   */
  commitProbe(server: Endpoint, options: CallOptions): Promise<CommitProbe>;
  /** Sessions that {@link fence} would kill: clients', not our own, replication's nor the server's. */
  sessionCount(server: Endpoint, options: CallOptions): Promise<number>;
  /**
   * Holds one idle connection, made again whenever it is lost, until `signal` aborts. `onLost` is called as soon as an established
   * connection ends, which for a local server is the moment its process dies.
   */
  watchConnection(server: Endpoint, onLost: (code: string) => void, signal: AbortSignal): void;
}
