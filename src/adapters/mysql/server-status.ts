import path from 'node:path';
import { z } from 'zod';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { ChannelStatus, ServerStatus } from '../../ports/mysql.ts';
import type { Deadline } from '../system/deadline.ts';
import { dialectOf } from './dialect.ts';
import { channelStatus, parseReplicaRow, type ReplicaRow } from './replica-status.ts';
import type { Session } from './session.ts';

const SERVER = `SELECT @@GLOBAL.server_uuid AS uuid, @@GLOBAL.server_id AS id, @@GLOBAL.read_only AS readOnly,
 @@GLOBAL.super_read_only AS superReadOnly, @@GLOBAL.gtid_mode AS gtidMode, @@GLOBAL.gtid_executed AS executed,
 @@GLOBAL.gtid_purged AS purged, @@GLOBAL.pid_file AS pidFile, @@GLOBAL.datadir AS datadir,
 @@GLOBAL.log_bin_index AS binlogIndex`;

// Both times are of the replica's own clock, so the clocks of two hosts are not compared.
const HEARD = `SELECT CHANNEL_NAME AS channel, TIMESTAMPDIFF(MICROSECOND, GREATEST(LAST_HEARTBEAT_TIMESTAMP,
 LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP, QUEUEING_TRANSACTION_START_QUEUE_TIMESTAMP), NOW(6)) DIV 1000 AS ms
 FROM performance_schema.replication_connection_status`;

const flag = z.coerce.number().transform((value) => value !== 0);
const serverRow = z.object({
  uuid: z.string(),
  id: z.coerce.number(),
  readOnly: flag,
  superReadOnly: flag,
  gtidMode: z.string(),
  executed: z.string(),
  purged: z.string(),
  pidFile: z.string(),
  datadir: z.string(),
  binlogIndex: z.string().nullable(),
});
const heardRow = z.object({ channel: z.string(), ms: z.coerce.number().nullable() });

/** A heartbeat that never came has the time 0000-00-00, and GREATEST of such is NULL or centuries ago. */
const NEVER_MS = 365 * 86_400_000;

/** `onAnswer` is told as soon as the server has answered anything. */
export async function readStatus(
  session: Session,
  deadline: Deadline,
  onAnswer?: () => void,
): Promise<ServerStatus> {
  const server = serverRow.parse((await session.query(SERVER, [], deadline, 'reading its state'))[0]);
  onAnswer?.();
  const rows = await readReplicaRows(session, deadline);
  const heard = rows.length === 0 ? new Map<string, number>() : await readHeard(session, deadline);
  return {
    serverUuid: server.uuid,
    serverId: server.id,
    version: session.version,
    readOnly: server.readOnly,
    superReadOnly: server.superReadOnly,
    gtidMode: server.gtidMode,
    executed: withoutSpace(server.executed),
    purged: withoutSpace(server.purged),
    pidFile: path.resolve(server.datadir, server.pidFile),
    binlog: binlogOf(server),
    channels: rows.map((row): ChannelStatus => channelStatus(row, heard.get(row.Channel_Name))),
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

async function readHeard(session: Session, deadline: Deadline): Promise<ReadonlyMap<string, number>> {
  try {
    const rows = z.array(heardRow).parse(await session.query(HEARD, [], deadline, 'reading heartbeats'));
    return new Map(rows.flatMap(({ channel, ms }) => (ms === null || ms > NEVER_MS ? [] : [[channel, ms]])));
  } catch (error) {
    // No privilege, or 5.7 without these columns: the age is then not told, which callers expect.
    if (hasCode(error, 'MYSQL_REJECTED')) return new Map();
    throw error;
  }
}

function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '');
}
