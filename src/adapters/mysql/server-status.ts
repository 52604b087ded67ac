import path from 'node:path';
import { z } from 'zod';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { ApplierProgress, ChannelStatus, ServerStatus } from '../../ports/mysql.ts';
import type { Deadline } from '../system/deadline.ts';
import { dialectOf } from './dialect.ts';
import { channelStatus, parseReplicaRow, type ReplicaRow } from './replica-status.ts';
import type { Row, Session } from './session.ts';

const SERVER = `SELECT @@GLOBAL.server_uuid AS uuid, @@GLOBAL.server_id AS id, @@GLOBAL.read_only AS readOnly,
 @@GLOBAL.super_read_only AS superReadOnly, @@GLOBAL.gtid_mode AS gtidMode, @@GLOBAL.gtid_executed AS executed,
 @@GLOBAL.gtid_owned AS owned, @@GLOBAL.gtid_purged AS purged, @@GLOBAL.pid_file AS pidFile, @@GLOBAL.datadir AS datadir,
 @@GLOBAL.log_bin_index AS binlogIndex, @@GLOBAL.relay_log_recovery AS relayLogRecovery`;

// Both times are of the replica's own clock, so the clocks of two hosts are not compared. In the same statement as the rest: this is
// asked of every server each second.
const SERVER_AND_HEARD = `${SERVER}, (SELECT GROUP_CONCAT(CHANNEL_NAME, '=', TIMESTAMPDIFF(MICROSECOND,
 GREATEST(LAST_HEARTBEAT_TIMESTAMP, LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP,
 QUEUEING_TRANSACTION_START_QUEUE_TIMESTAMP), NOW(6)) DIV 1000)
 FROM performance_schema.replication_connection_status) AS heard`;

/** Only 8.0 and newer have these columns. */
const PROGRESS = `SELECT w.CHANNEL_NAME AS name, UNIX_TIMESTAMP(NOW(6)) AS now,
 MAX(UNIX_TIMESTAMP(w.LAST_APPLIED_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP)) AS committedAt,
 MAX(UNIX_TIMESTAMP(w.LAST_APPLIED_TRANSACTION_END_APPLY_TIMESTAMP)) AS appliedAt,
 MIN(NULLIF(UNIX_TIMESTAMP(w.APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP), 0)) AS applyingSince,
 MAX(UNIX_TIMESTAMP(c.LAST_HEARTBEAT_TIMESTAMP)) AS heartbeatAt, MAX(f.HEARTBEAT_INTERVAL) AS heartbeatEvery
 FROM performance_schema.replication_applier_status_by_worker w
 JOIN performance_schema.replication_connection_status c USING (CHANNEL_NAME)
 JOIN performance_schema.replication_connection_configuration f USING (CHANNEL_NAME) GROUP BY w.CHANNEL_NAME`;

/** Sessions to servers that do not tell the age of the last heartbeat: no privilege, or 5.7 without these columns. */
const untold = new WeakSet<Session>();

const NO_PROGRESS: ReadonlyMap<string, ApplierProgress> = new Map();

const flag = z.coerce.number().transform((value) => value !== 0);
const serverRow = z.object({
  uuid: z.string(),
  id: z.coerce.number(),
  readOnly: flag,
  superReadOnly: flag,
  gtidMode: z.string(),
  executed: z.string(),
  owned: z.string(),
  purged: z.string(),
  pidFile: z.string(),
  datadir: z.string(),
  binlogIndex: z.string().nullable(),
  relayLogRecovery: flag,
  heard: z.string().nullish(),
});

/** Seconds with a fraction, 0 for what has not happened yet; as ms. */
const moment = z.coerce
  .number()
  .nullable()
  .transform((seconds) => (seconds === null || seconds === 0 ? undefined : seconds * 1000));
const progressRow = z.object({
  name: z.string(),
  now: z.coerce.number().transform((seconds) => seconds * 1000),
  committedAt: moment,
  appliedAt: moment,
  applyingSince: moment,
  heartbeatAt: moment,
  heartbeatEvery: z.coerce.number(),
});

/** A heartbeat that never came has the time 0000-00-00, and GREATEST of such is NULL or centuries ago. */
const NEVER_MS = 365 * 86_400_000;

/** `onAnswer` is told as soon as the server has answered anything. */
export async function readStatus(
  session: Session,
  deadline: Deadline,
  onAnswer?: () => void,
): Promise<ServerStatus> {
  const server = serverRow.parse((await readServerRow(session, deadline))[0]);
  onAnswer?.();
  const rows = await readReplicaRows(session, deadline);
  const heard = parseHeard(server.heard ?? '');
  const progress = rows.length === 0 ? NO_PROGRESS : await readProgress(session, deadline);
  return {
    serverUuid: server.uuid,
    serverId: server.id,
    version: session.version,
    readOnly: server.readOnly,
    superReadOnly: server.superReadOnly,
    gtidMode: server.gtidMode,
    executed: withoutSpace(server.executed),
    // Each number is followed by the thread that owns it.
    owned: withoutSpace(server.owned).replaceAll(/#\d+/g, ''),
    purged: withoutSpace(server.purged),
    pidFile: path.resolve(server.datadir, server.pidFile),
    relayLogRecovery: server.relayLogRecovery,
    binlog: binlogOf(server),
    channels: rows.map((row): ChannelStatus => {
      const told = progress.get(row.Channel_Name);
      const status = channelStatus(row, heard.get(row.Channel_Name));
      return told === undefined ? status : { ...status, progress: told };
    }),
  };
}

function binlogOf({ binlogIndex, datadir }: z.infer<typeof serverRow>): BinlogPlace | undefined {
  if (binlogIndex === null || binlogIndex === '') return undefined;
  return { indexFile: path.resolve(datadir, binlogIndex), dataDirectory: datadir };
}

/** The configured channels. */
export async function readReplicaRows(session: Session, deadline: Deadline): Promise<readonly ReplicaRow[]> {
  const rows = await session.query(`SHOW ${dialectOf(session.version).replica} STATUS`, [], deadline);
  return rows.map(parseReplicaRow).filter((row) => row !== undefined);
}

async function readServerRow(session: Session, deadline: Deadline): Promise<readonly Row[]> {
  const label = 'reading its state';
  if (untold.has(session)) return session.query(SERVER, [], deadline, label);
  try {
    return await session.query(SERVER_AND_HEARD, [], deadline, label);
  } catch (error) {
    if (!hasCode(error, 'MYSQL_REJECTED')) throw error;
    untold.add(session);
    return session.query(SERVER, [], deadline, label);
  }
}

async function readProgress(
  session: Session,
  deadline: Deadline,
): Promise<ReadonlyMap<string, ApplierProgress>> {
  if (untold.has(session)) return NO_PROGRESS;
  try {
    const rows = await session.query(PROGRESS, [], deadline, 'reading how far its appliers are');
    return new Map(
      rows.map((row) => {
        const { name, heartbeatEvery, ...times } = progressRow.parse(row);
        return [name, { ...times, heartbeatEveryMs: heartbeatEvery * 1000 }];
      }),
    );
  } catch (error) {
    if (!hasCode(error, 'MYSQL_REJECTED')) throw error;
    untold.add(session);
    return NO_PROGRESS;
  }
}

/** `=120,region_x=80`: ms by channel. One that never had a heartbeat is not in it. */
function parseHeard(text: string): ReadonlyMap<string, number> {
  const pairs = text.matchAll(/(?:^|,)([^=,]*)=(\d+)/g);
  return new Map(
    [...pairs]
      .map(([, channel = '', ms]) => [channel, Number(ms)] as const)
      .filter(([, ms]) => ms < NEVER_MS),
  );
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}
