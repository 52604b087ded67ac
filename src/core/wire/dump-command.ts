import type { Buffer } from 'node:buffer';
import { decodeGtidSet } from '../gtid/gtid-set-encoding.ts';
import type { GtidSet } from '../gtid/gtid-set.ts';
import { readFields } from './fields.ts';

/** Commands of MySQL's protocol (include/my_command.h). */
export const Command = {
  Quit: 0x01,
  Query: 0x03,
  Ping: 0x0e,
  BinlogDump: 0x12,
  RegisterReplica: 0x15,
  BinlogDumpGtid: 0x1e,
} as const;

/** What a receiver asks for. */
export interface DumpRequest {
  /** What it has: executed, or received on this channel. */
  readonly have: GtidSet;
  readonly serverId: number;
  /** It takes heartbeats with 64-bit positions (`USE_HEARTBEAT_EVENT_V2`). */
  readonly heartbeatV2: boolean;
}

const USE_HEARTBEAT_V2 = 0x2;

/** COM_BINLOG_DUMP_GTID, its command byte included. The file and position in it mean nothing. Throws `PEER_PROTOCOL`. */
export function parseDumpRequest(payload: Buffer): DumpRequest {
  return readFields(payload, 'request for events', (cursor) => {
    cursor.skip(1);
    const flags = cursor.u16();
    const serverId = cursor.u32();
    cursor.skip(cursor.u32());
    cursor.skip(8);
    const have = decodeGtidSet(cursor.take(cursor.u32()));
    return { have, serverId, heartbeatV2: (flags & USE_HEARTBEAT_V2) !== 0 };
  });
}
