import { DcmhaError } from '../../core/model/errors.ts';

/** The words of one generation of servers. Every statement about replication is built from these, nowhere else. */
export interface Dialect {
  /** REPLICA or SLAVE: `START REPLICA`, `SHOW REPLICA STATUS`. */
  readonly replica: 'REPLICA' | 'SLAVE';
  /** The statement that attaches a replica, up to its options. */
  readonly changeSource: 'CHANGE REPLICATION SOURCE TO' | 'CHANGE MASTER TO';
  /** Prefix of its options: SOURCE_HOST or MASTER_HOST. */
  readonly source: 'SOURCE' | 'MASTER';
  /** Whether a replica can ask for the key that caching_sha2_password needs without TLS (8.0.4). */
  readonly publicKey: boolean;
  readonly netTimeoutVariable: 'replica_net_timeout' | 'slave_net_timeout';
  /** Whether what is applied is logged. */
  readonly logUpdatesVariable: 'log_replica_updates' | 'log_slave_updates';
  /** What a channel's appliers are counted by when it starts; undefined where raising it is not worth the trouble. */
  readonly workersVariable?: 'replica_parallel_workers';
  /** Whether SQL functions take fractions of a second as a time-out. */
  readonly fractionalTimeouts: boolean;
}

const OLD = {
  replica: 'SLAVE',
  changeSource: 'CHANGE MASTER TO',
  source: 'MASTER',
  netTimeoutVariable: 'slave_net_timeout',
  logUpdatesVariable: 'log_slave_updates',
} as const;

/** Newest first: the first entry whose version is not above the server's is its dialect. */
const DIALECTS: readonly (Dialect & { readonly since: number })[] = [
  {
    since: version(8, 0, 26),
    replica: 'REPLICA',
    changeSource: 'CHANGE REPLICATION SOURCE TO',
    source: 'SOURCE',
    publicKey: true,
    netTimeoutVariable: 'replica_net_timeout',
    logUpdatesVariable: 'log_replica_updates',
    workersVariable: 'replica_parallel_workers',
    fractionalTimeouts: true,
  },
  {
    since: version(8, 0, 23),
    replica: 'REPLICA',
    changeSource: 'CHANGE REPLICATION SOURCE TO',
    source: 'SOURCE',
    publicKey: true,
    netTimeoutVariable: 'slave_net_timeout',
    logUpdatesVariable: 'log_slave_updates',
    fractionalTimeouts: true,
  },
  { ...OLD, since: version(8, 0, 22), replica: 'REPLICA', publicKey: true, fractionalTimeouts: true },
  { ...OLD, since: version(8, 0, 4), publicKey: true, fractionalTimeouts: true },
];

const OLDEST: Dialect = { ...OLD, publicKey: false, fractionalTimeouts: false };

/** The dialect of a server by what `VERSION()` says: `8.0.36-debug`, `9.7.4`. */
export function dialectOf(versionText: string): Dialect {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(versionText);
  const number = version(Number(match?.[1] ?? 0), Number(match?.[2] ?? 0), Number(match?.[3] ?? 0));
  return DIALECTS.find(({ since }) => since <= number) ?? OLDEST;
}

/** Empties the binlog and forgets all GTIDs. */
export function resetGtidsStatement(versionText: string): string {
  const match = /^(\d+)\.(\d+)/.exec(versionText);
  const number = version(Number(match?.[1] ?? 0), Number(match?.[2] ?? 0), 0);
  return number >= version(8, 2, 0) ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
}

/**
 * `FOR CHANNEL '...'`: always said, since a server with several channels would take a bare statement for all of them.
 * Throws USAGE for a name that is not of plain characters: regions name channels, and operators name regions.
 */
export function forChannel(name: string): string {
  if (!/^[\w.-]{0,64}$/.test(name)) {
    throw new DcmhaError('USAGE', `${JSON.stringify(name)} is no channel name: letters, digits and _ . -`);
  }
  return `FOR CHANNEL '${name}'`;
}

function version(major: number, minor: number, patch: number): number {
  return (major * 100 + minor) * 100 + patch;
}
