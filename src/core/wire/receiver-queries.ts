/**
 * What a replica's receiver asks of its source before it wants events (`get_master_version_and_clock` and
 * `get_master_uuid` in sql/rpl_replica.cc, 5.7 to 9.x).
 */
export type ReceiverQuery =
  | {
      readonly kind: 'value';
      readonly of: 'time' | 'server-id' | 'server-uuid' | 'gtid-mode' | 'checksum' | 'version';
      readonly column: string;
    }
  /** Between heartbeats when there is nothing to send; 0: none are wanted. */
  | { readonly kind: 'heartbeat'; readonly periodMs: number }
  | { readonly kind: 'replica-uuid'; readonly uuid: string }
  /** Said, and nothing follows from it here. */
  | { readonly kind: 'noted' }
  /** It would be semi-synchronous; told that the variable is unknown, it goes on without. */
  | { readonly kind: 'semi-sync' }
  | { readonly kind: 'other' };

type ValueName = Extract<ReceiverQuery, { kind: 'value' }>['of'];

const VALUES: ReadonlyMap<string, ValueName> = new Map<string, ValueName>([
  ['UNIX_TIMESTAMP()', 'time'],
  ['@@GLOBAL.SERVER_ID', 'server-id'],
  ['@@GLOBAL.SERVER_UUID', 'server-uuid'],
  ['@@GLOBAL.GTID_MODE', 'gtid-mode'],
  ['@SOURCE_BINLOG_CHECKSUM', 'checksum'],
  ['@MASTER_BINLOG_CHECKSUM', 'checksum'],
  ['VERSION()', 'version'],
]);

const HEARTBEAT = /^SET\s+@(?:master|source)_heartbeat_period\s*=\s*(\d{1,19})\b/i;
const REPLICA_UUID = /^SET\s+@(?:slave|replica)_uuid\s*=\s*'([0-9a-f-]{36})'/i;
const NOTED = /^SET\s+(?:@(?:master|source)_binlog_checksum\s*=|NAMES\s)/i;
const SEMI_SYNC = /^SELECT\s+@@global\.rpl_semi_sync_/i;
const SELECT = /^SELECT\s+(\S+)$/i;

const NS_PER_MS = 1_000_000n;

export function parseReceiverQuery(text: string): ReceiverQuery {
  const column = SELECT.exec(text)?.[1];
  const of = column === undefined ? undefined : VALUES.get(column.toUpperCase());
  if (column !== undefined && of !== undefined) return { kind: 'value', of, column };
  const period = HEARTBEAT.exec(text)?.[1];
  if (period !== undefined) return { kind: 'heartbeat', periodMs: Number(BigInt(period) / NS_PER_MS) };
  const uuid = REPLICA_UUID.exec(text)?.[1];
  if (uuid !== undefined) return { kind: 'replica-uuid', uuid: uuid.toLowerCase() };
  if (NOTED.test(text)) return { kind: 'noted' };
  return { kind: SEMI_SYNC.test(text) ? 'semi-sync' : 'other' };
}
