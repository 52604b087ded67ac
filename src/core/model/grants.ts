/** One privilege of the management account and what fails without it. */
export interface NeededGrant {
  readonly privilege: string;
  readonly on: '*.*' | 'dcmha.*' | 'mysql.plugin' | 'performance_schema.*';
  readonly why: string;
  /** The first MySQL that knows it, such as 80300: 8.3.0. */
  readonly since?: number;
  /** The first that knows it no more. */
  readonly before?: number;
}

/** What the account in `mysql.user` needs on MySQL 8.0 and later. */
export const neededGrants: readonly NeededGrant[] = [
  { privilege: 'REPLICATION CLIENT', on: '*.*', why: 'to see replication' },
  { privilege: 'REPLICATION_SLAVE_ADMIN', on: '*.*', why: 'to start, stop and point replication' },
  { privilege: 'SYSTEM_VARIABLES_ADMIN', on: '*.*', why: 'to switch super_read_only' },
  { privilege: 'SESSION_VARIABLES_ADMIN', on: '*.*', why: 'to roll back without writing a binary log' },
  { privilege: 'CONNECTION_ADMIN', on: '*.*', why: 'to end writers, and to get in when connections ran out' },
  { privilege: 'SYSTEM_USER', on: '*.*', why: "to end administrators' sessions when fencing" },
  { privilege: 'PROCESS', on: '*.*', why: 'to see who is connected' },
  { privilege: 'RELOAD', on: '*.*', why: 'to reset the binary logs of a server that rejoins' },
  { privilege: 'BINLOG_ADMIN', on: '*.*', why: 'to take back errant transactions' },
  { privilege: 'REPLICATION_APPLIER', on: '*.*', why: 'to take back errant transactions' },
  {
    privilege: 'TRANSACTION_GTID_TAG',
    on: '*.*',
    why: 'to burn names of transactions that have tags',
    since: 80_300,
  },
  { privilege: 'EVENT', on: '*.*', why: 'to let scheduled events follow the primary' },
  {
    privilege: 'SET_USER_ID',
    on: '*.*',
    why: 'to let scheduled events keep their definers',
    before: 80_200,
  },
  {
    privilege: 'SET_ANY_DEFINER',
    on: '*.*',
    why: 'to let scheduled events keep their definers',
    since: 80_200,
  },
  {
    privilege: 'SELECT',
    on: '*.*',
    why: 'to see what engines tables have, and to compare those that were taken back',
  },
  { privilege: 'BACKUP_ADMIN', on: '*.*', why: 'to be cloned from, with rejoin.clone: allowed' },
  { privilege: 'CLONE_ADMIN', on: '*.*', why: 'to be overwritten by a clone, with rejoin.clone: allowed' },
  { privilege: 'INSERT', on: 'mysql.plugin', why: 'to load the clone plugin, with rejoin.clone: allowed' },
  { privilege: 'SELECT, INSERT, UPDATE, DELETE, CREATE', on: 'dcmha.*', why: 'for the commit probe' },
  {
    privilege: 'SELECT',
    on: 'performance_schema.*',
    why: 'to see when a replica last heard of its source, and which transactions are open',
  },
];

/**
 * The statements that give an existing account what it needs; `account` is written as in SQL: `'dcmha'@'%'`. `version`: of the server, such as
 * 80036; what it does not know is left out.
 */
export function grantStatements(account: string, version = Infinity): readonly string[] {
  const known = neededGrants.filter(
    ({ since = 0, before }) => since <= version && (before === undefined || version < before),
  );
  const targets = [...new Set(known.map(({ on }) => on))];
  return targets.map((on) => {
    const privileges = known.filter((grant) => grant.on === on).map(({ privilege }) => privilege);
    return `GRANT ${privileges.join(', ')} ON ${on} TO ${account}`;
  });
}

/** What the account in `mysql.replicationUser` needs. */
export function replicationGrant(account: string): string {
  return `GRANT REPLICATION SLAVE ON *.* TO ${account}`;
}

/** Needed for every change of the primary; the others only where something special is done. */
const ESSENTIAL = new Set([
  'REPLICATION CLIENT',
  'REPLICATION_SLAVE_ADMIN',
  'SYSTEM_VARIABLES_ADMIN',
  'CONNECTION_ADMIN',
  'PROCESS',
]);

/**
 * Essential privileges that the lines of `SHOW GRANTS` lack. None when a role was granted (the lines do not tell what is in it), or SUPER, as
 * before 8.0.
 */
export function missingGrants(lines: readonly string[]): readonly string[] {
  if (lines.some((line) => !line.includes(' ON '))) return [];
  const held = new Set(
    lines
      .flatMap((line) => (line.includes(' ON *.* ') ? [/^GRANT (.*?) ON /.exec(line)?.[1] ?? ''] : []))
      .flatMap((list) => list.split(',').map((one) => one.trim())),
  );
  if (held.has('ALL PRIVILEGES') || held.has('SUPER')) return [];
  return neededGrants.flatMap(({ privilege }) =>
    ESSENTIAL.has(privilege) && !held.has(privilege) ? [privilege] : [],
  );
}
