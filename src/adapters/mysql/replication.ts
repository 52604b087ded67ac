import type { SourceProfile } from '../../ports/mysql.ts';
import type { Deadline } from '../system/deadline.ts';
import { dialectOf, forChannel } from './dialect.ts';
import { isRejected } from './errors.ts';
import type { ReplicaRow } from './replica-status.ts';
import { readReplicaRows } from './server-status.ts';
import type { Session } from './session.ts';

/** How managed replicas log in at their source. */
export interface ReplicationLogin {
  readonly user: string;
  readonly password: string;
  readonly ssl: boolean;
}

/** 9.x takes 10 attempts by default and then gives up for good. */
export const RETRY_COUNT = 86_400;
export const CONNECT_RETRY_S = 1;
export const HEARTBEAT_S = 0.5;
/**
 * A receiver reconnects when its source was silent for this long. Longer than a session of ZooKeeper should be: a receiver that is just
 * connecting to a host that is gone takes 2 s to be stopped, one that still listens none.
 */
const NET_TIMEOUT_S = 10;

/** No such channel (3074), or the default channel has no source (1200). */
const NOT_CONFIGURED = [3074, 1200];

export async function stopReceiver(session: Session, channel: string, deadline: Deadline): Promise<void> {
  const { replica } = dialectOf(session.version);
  await ifConfigured(session.query(`STOP ${replica} IO_THREAD ${forChannel(channel)}`, [], deadline));
}

export async function startReplication(session: Session, channel: string, deadline: Deadline): Promise<void> {
  const { replica } = dialectOf(session.version);
  await ifConfigured(session.query(`START ${replica} ${forChannel(channel)}`, [], deadline));
}

export async function resetReplication(session: Session, channel: string, deadline: Deadline): Promise<void> {
  const { replica } = dialectOf(session.version);
  await ifConfigured(session.query(`STOP ${replica} ${forChannel(channel)}`, [], deadline));
  await ifConfigured(session.query(`RESET ${replica} ALL ${forChannel(channel)}`, [], deadline));
}

/**
 * What the receiver has fetched is kept: with the applier running, the server changes the source without throwing the relay log away.
 * Only an applier that stands on an error, or a channel without auto-positioning, is stopped too and fetches again.
 */
export async function follow(
  session: Session,
  profile: SourceProfile,
  login: ReplicationLogin,
  deadline: Deadline,
): Promise<void> {
  const { replica, netTimeoutVariable } = dialectOf(session.version);
  const channel = forChannel(profile.channel);
  await session.query(`SET GLOBAL ${netTimeoutVariable} = ${NET_TIMEOUT_S}`, [], deadline);
  let row = await readChannel(session, profile.channel, deadline);
  if (row !== undefined && isRunning(row) && isAsWanted(row, profile, login)) return;

  if (row !== undefined) await session.query(`STOP ${replica} IO_THREAD ${channel}`, [], deadline);
  if (row !== undefined && row.Replica_SQL_Running !== 'Yes' && row.Last_SQL_Errno === 0) {
    await session.query(`START ${replica} SQL_THREAD ${channel}`, [], deadline);
    row = await readChannel(session, profile.channel, deadline);
  }
  const keepsApplying = row?.Replica_SQL_Running === 'Yes' && row.Auto_Position === 1;
  if (row !== undefined && !keepsApplying)
    await ifConfigured(session.query(`STOP ${replica} ${channel}`, [], deadline));
  await changeSource(session, { profile, login, setAutoPosition: !keepsApplying }, deadline);
  await withWorkers(session, profile.workers, deadline, () =>
    session.query(`START ${replica} ${channel}`, [], deadline),
  );
}

/** A channel takes the number of its appliers from the global variable as it starts, and keeps it; the variable is as before afterwards. */
async function withWorkers(
  session: Session,
  wanted: number | undefined,
  deadline: Deadline,
  start: () => Promise<unknown>,
): Promise<void> {
  const variable = dialectOf(session.version).workersVariable;
  if (wanted === undefined || variable === undefined) {
    await start();
    return;
  }
  const [row] = await session.query(`SELECT @@GLOBAL.${variable} AS workers`, [], deadline);
  const before = Number(row?.['workers'] ?? 0);
  // One, or none, is somebody's choice for all channels; more than is wanted does not hurt, unless one is enough.
  const differs = before > 1 && (before < wanted || wanted === 1);
  if (differs) await session.query(`SET GLOBAL ${variable} = ${wanted}`, [], deadline);
  try {
    await start();
  } finally {
    if (differs) await session.query(`SET GLOBAL ${variable} = ${before}`, [], deadline);
  }
}

async function changeSource(
  session: Session,
  change: {
    readonly profile: SourceProfile;
    readonly login: ReplicationLogin;
    /** The server takes this option only while the applier is stopped. */
    readonly setAutoPosition: boolean;
  },
  deadline: Deadline,
): Promise<void> {
  const { changeSource: statement, source, publicKey } = dialectOf(session.version);
  const { profile, login } = change;
  const options = [
    `${source}_HOST = ?`,
    `${source}_PORT = ?`,
    `${source}_USER = ?`,
    `${source}_PASSWORD = ?`,
    `${source}_CONNECT_RETRY = ${CONNECT_RETRY_S}`,
    `${source}_RETRY_COUNT = ${RETRY_COUNT}`,
    `${source}_HEARTBEAT_PERIOD = ${HEARTBEAT_S}`,
    `${source}_SSL = ${login.ssl ? 1 : 0}`,
    ...(login.ssl || !publicKey ? [] : [`GET_${source}_PUBLIC_KEY = 1`]),
    ...(change.setAutoPosition ? [`${source}_AUTO_POSITION = 1`] : []),
  ];
  await session.query(
    `${statement} ${options.join(', ')} ${forChannel(profile.channel)}`,
    [profile.source.host, profile.source.port, login.user, login.password],
    deadline,
    `${statement} (the options are not shown)`,
  );
}

/** undefined when it is not configured. */
export async function readChannel(
  session: Session,
  channel: string,
  deadline: Deadline,
): Promise<ReplicaRow | undefined> {
  return (await readReplicaRows(session, deadline)).find(({ Channel_Name }) => Channel_Name === channel);
}

function isRunning(row: ReplicaRow): boolean {
  return row.Replica_IO_Running === 'Yes' && row.Replica_SQL_Running === 'Yes';
}

function isAsWanted(row: ReplicaRow, { source }: SourceProfile, login: ReplicationLogin): boolean {
  return (
    row.Source_Host === source.host &&
    row.Source_Port === source.port &&
    row.Source_User === login.user &&
    row.Source_SSL_Allowed === (login.ssl ? 'Yes' : 'No') &&
    row.Auto_Position === 1 &&
    row.Connect_Retry === CONNECT_RETRY_S &&
    row.Source_Retry_Count === RETRY_COUNT
  );
}

/** What is not there needs no stopping, starting or forgetting. */
async function ifConfigured(statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    if (!isRejected(error, ...NOT_CONFIGURED)) throw error;
  }
}
