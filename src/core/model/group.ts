import type { Endpoint } from './endpoint.ts';
import type { PromoteRule } from './promote.ts';

/** What `meta/host/H` says of one MySQL server. */
export interface Member {
  /** The host's id in ZooKeeper (see `hostId`). */
  readonly id: string;
  readonly group: string;
  readonly endpoint: Endpoint;
  /** The data centre; members without one count as in the same unnamed one. */
  readonly dc?: string | undefined;
  /** Higher is preferred among equally advanced candidates. Default 100. */
  readonly priority: number;
  readonly promote: PromoteRule;
  /** The agent's control endpoint. */
  readonly agent: Endpoint;
  /** HAProxy weight on the read side, 0-256. */
  readonly weight?: number | undefined;
  /** Id of the member that it replicates from instead of the primary, as long as that one is fit. */
  readonly from?: string | undefined;
}

/** The recorded primary. `epoch` is the version of the znode `master/G`: it grows with every change of the record. */
export interface PrimaryRecord {
  readonly id: string;
  readonly epoch: number;
}

/** What `haproxy/G` publishes. `write` is undefined while the group is fenced. */
export interface Route {
  readonly write: Endpoint | undefined;
  readonly read: readonly Endpoint[];
  /** New connections of the write side wait, neither accepted nor refused: at most this long, ms. Sessions go on. */
  readonly holdMs?: number | undefined;
}

/** What router R says it has applied (`route-ack/G/R`). */
export interface RouteAck {
  readonly router: string;
  /** The version of `haproxy/G` that is in force at this router; -1 when it vouches for none. */
  readonly version: number;
  /** The write server in force, `''` when closed. */
  readonly write: string;
  /** Sessions still open to any server that is not `write`. */
  readonly oldSessions: number;
  /** New connections of the write side are held. */
  readonly held?: boolean | undefined;
  /** The router closes its write side by itself when it is cut off for this long, in ms. */
  readonly leaseMs: number;
  /** What it was told lately that cannot be true, for the operator. */
  readonly distrust?: string | undefined;
}

/**
 * What an agent says of its own MySQL server.
 * dead: the process is gone or refuses on its socket. stalled: it connects but cannot commit. saturated: no free
 * connection, alive. unknown: checks are in doubt.
 */
export type Verdict = 'up' | 'dead' | 'stalled' | 'saturated' | 'read-only-fs' | 'unknown';

/**
 * A replica's replication as its agent sees it; published when its class changes, not per second.
 * replicating: both threads run and it is attached to its source. errant: it holds transactions that the primary does not.
 */
export interface ReplicationHealth {
  readonly state: 'replicating' | 'connecting' | 'stopped' | 'broken' | 'errant' | 'none';
  /** The source of the default channel as `host:port`; '' without one. */
  readonly source: string;
  /** So many ms behind, at least: told in steps, so that it changes seldom. */
  readonly lagMs?: number | undefined;
  /** What stopped it, or which transactions are errant. */
  readonly error?: string | undefined;
}

/**
 * A named channel as its server's agent sees it; published when its class changes.
 * idle: not started since mysqld booted, or since writes were closed. stopped: somebody stopped it. refused: the receiver stopped on an
 * error. broken: the applier did.
 */
export interface ChannelHealth {
  readonly name: string;
  /** As `host:port`. */
  readonly source: string;
  readonly state: 'replicating' | 'connecting' | 'idle' | 'stopped' | 'refused' | 'broken';
  readonly lagSeconds?: number | undefined;
  readonly error?: string | undefined;
}

/** The content of `online-list/H`. */
export interface PresenceRecord {
  readonly verdict: Verdict;
  /** When the verdict began, ms since 1970. */
  readonly since: number;
  /** The agent's control endpoint as `host:port`. */
  readonly agent: string;
  readonly version: string;
  /** Why, in words for the operator. */
  readonly why?: string | undefined;
  /** True while the agent has writes open. */
  readonly writable?: boolean | undefined;
  readonly replication?: ReplicationHealth | undefined;
  /** What the agent was told lately that cannot be true, for the operator. */
  readonly distrust?: string | undefined;
  /** Channels beside the default one. */
  readonly channels?: readonly ChannelHealth[] | undefined;
}

/** How semi-sync goes on a primary. */
export interface SemiSyncState {
  /** 1: commits wait for acknowledgements; 0: they do not, for too few replicas are attached. */
  readonly on: 0 | 1;
  /** Acknowledgements that a commit waits for, and replicas attached that give them. */
  readonly acks: number;
  readonly clients: number;
  /** Commits that wait now; and those that were acknowledged, and were not, since mysqld started. */
  readonly waiting: number;
  readonly acknowledged: number;
  readonly unacknowledged: number;
}

/** The content of `watermark/G`: the highest executed set known of the primary of `epoch`. */
export interface Watermark {
  readonly epoch: number;
  readonly executed: string;
  /** ms since 1970. */
  readonly at: number;
  /** Where it is managed. */
  readonly semiSync?: SemiSyncState | undefined;
  /** The MySQL version of the primary. */
  readonly mysql?: string | undefined;
  /** When it was that so much less had been executed, newest first. */
  readonly trail?: readonly TrailEntry[] | undefined;
}

/** `since`: what was executed after `at` (ms since 1970, by the clock of the primary's host). */
export interface TrailEntry {
  readonly at: number;
  readonly since: string;
}
