import type { RegionalProfile, SourceProfile } from '../../ports/mysql.ts';
import { DcmhaError } from '../../core/model/errors.ts';
import { isRegional } from '../../core/regional/channel.ts';
import type { Deadline } from '../system/deadline.ts';
import { dialectOf, forChannel } from './dialect.ts';
import { CONNECT_RETRY_S, HEARTBEAT_S, RETRY_COUNT, readChannel } from './replication.ts';
import type { ReplicaRow } from './replica-status.ts';
import { readReplicaRows } from './server-status.ts';
import type { Session } from './session.ts';

/** Files of the receiving server's own host. */
export interface RegionalTls {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** How regional channels log in at their source. */
export interface RegionalLogin {
  readonly user: string;
  readonly password: string;
  readonly tls: RegionalTls;
}

/** Each group's own commit probes: a row of one name in every group. */
const alwaysIgnored = 'dcmha.%';

/** An applier in the middle of a big transaction, or on a disk that hangs: a fence does not wait for it. */
const STOP_MS = 1000;

interface Wanted {
  readonly source: SourceProfile['source'];
  readonly channel: string;
  readonly regional: RegionalProfile;
  readonly login: RegionalLogin;
}

/**
 * Points a regional channel at a source, with its account, TLS and filters, and starts it; an equal running one is left alone. A server
 * forgets filters when it restarts, so they are set before each start.
 */
export async function followRegion(session: Session, wanted: Wanted, deadline: Deadline): Promise<void> {
  const { replica } = dialectOf(session.version);
  const channel = forChannel(wanted.channel);
  if (wanted.regional.mustBeOpen === true) await requireWritable(session, deadline);
  const row = await readChannel(session, wanted.channel, deadline);
  if (row !== undefined && isRunning(row) && isAsWanted(row, wanted)) return;
  if (row !== undefined) await session.query(`STOP ${replica} ${channel}`, [], deadline);
  if (row === undefined || !hasSource(row, wanted)) await changeSource(session, wanted, deadline);
  await changeFilters(session, wanted, deadline);
  await session.query(`START ${replica} ${channel}`, [], deadline);
}

/** Meanwhile the server may have been fenced: then what other regions send goes to its successor. */
async function requireWritable(session: Session, deadline: Deadline): Promise<void> {
  const [row] = await session.query('SELECT @@GLOBAL.read_only AS readOnly', [], deadline);
  if (Number(row?.['readOnly']) === 0) return;
  throw new DcmhaError(
    'MYSQL_REJECTED',
    'the server is read-only, and only the primary receives from other regions',
  );
}

/**
 * super_read_only does not bind appliers: what a fenced server still applied, its successor would lack for a while. False when one may be
 * running still; the session may be lost then.
 */
export async function stopRegionalAppliers(session: Session, deadline: Deadline): Promise<boolean> {
  const { replica } = dialectOf(session.version);
  const soon = deadline.within(STOP_MS);
  try {
    const rows = await readReplicaRows(session, soon);
    for (const { Channel_Name: name, Replica_SQL_Running: running } of rows) {
      if (!isRegional(name) || running !== 'Yes') continue;
      await session.query(`STOP ${replica} SQL_THREAD ${forChannel(name)}`, [], soon);
    }
    return true;
  } catch {
    // Who could not be stopped is told of: the fence itself stands, and the transactions are the region's, which has them.
    return false;
  }
}

async function changeSource(session: Session, wanted: Wanted, deadline: Deadline): Promise<void> {
  const { changeSource: statement, source: prefix, publicKey } = dialectOf(session.version);
  const { source, login, regional } = wanted;
  const { caFile = '', certFile = '', keyFile = '' } = regional.ssl ? login.tls : {};
  const options = [
    `${prefix}_HOST = ?`,
    `${prefix}_PORT = ?`,
    `${prefix}_USER = ?`,
    `${prefix}_PASSWORD = ?`,
    `${prefix}_CONNECT_RETRY = ${CONNECT_RETRY_S}`,
    `${prefix}_RETRY_COUNT = ${RETRY_COUNT}`,
    `${prefix}_HEARTBEAT_PERIOD = ${HEARTBEAT_S}`,
    `${prefix}_SSL = ${regional.ssl ? 1 : 0}`,
    `${prefix}_SSL_CA = ?`,
    `${prefix}_SSL_CERT = ?`,
    `${prefix}_SSL_KEY = ?`,
    // A certificate names a host; the metadata may name an address.
    `${prefix}_SSL_VERIFY_SERVER_CERT = 0`,
    ...(regional.ssl || !publicKey ? [] : [`GET_${prefix}_PUBLIC_KEY = 1`]),
    `${prefix}_AUTO_POSITION = 1`,
  ];
  await session.query(
    `${statement} ${options.join(', ')} ${forChannel(wanted.channel)}`,
    [source.host, source.port, login.user, login.password, caFile, certFile, keyFile],
    deadline,
    `${statement} (the options are not shown)`,
  );
}

async function changeFilters(
  session: Session,
  { regional, channel }: Wanted,
  deadline: Deadline,
): Promise<void> {
  const { only, ignored } = filtersOf(regional);
  const list = (patterns: readonly string[]): string => `(${patterns.map(() => '?').join(', ')})`;
  await session.query(
    `CHANGE REPLICATION FILTER REPLICATE_WILD_DO_TABLE = ${list(only)}, REPLICATE_WILD_IGNORE_TABLE = ${list(ignored)} ` +
      forChannel(channel),
    [...only, ...ignored],
    deadline,
  );
}

function filtersOf({ only, ignore }: RegionalProfile): {
  readonly only: readonly string[];
  readonly ignored: readonly string[];
} {
  return { only, ignored: [...new Set([alwaysIgnored, ...ignore])] };
}

function isRunning(row: ReplicaRow): boolean {
  return row.Replica_IO_Running === 'Yes' && row.Replica_SQL_Running === 'Yes';
}

function isAsWanted(row: ReplicaRow, wanted: Wanted): boolean {
  const { only, ignored } = filtersOf(wanted.regional);
  return (
    hasSource(row, wanted) &&
    row.Replicate_Wild_Do_Table === only.join(',') &&
    row.Replicate_Wild_Ignore_Table === ignored.join(',')
  );
}

function hasSource(row: ReplicaRow, { source, login, regional }: Wanted): boolean {
  return (
    row.Source_Host === source.host &&
    row.Source_Port === source.port &&
    row.Source_User === login.user &&
    row.Auto_Position === 1 &&
    hasTls(row, regional.ssl, login.tls)
  );
}

function hasTls(row: ReplicaRow, ssl: boolean, tls: RegionalTls): boolean {
  const { caFile = '', certFile = '', keyFile = '' } = ssl ? tls : {};
  return (
    row.Source_SSL_Allowed === (ssl ? 'Yes' : 'No') &&
    row.Source_SSL_CA_File === caFile &&
    row.Source_SSL_Cert === certFile &&
    row.Source_SSL_Key === keyFile
  );
}
