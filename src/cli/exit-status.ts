import type { DcmhaError, ErrorCode } from '../core/model/errors.ts';

/** Exit statuses as in sysexits.h: scripts tell a wrong call from a missing server by them. */
const statuses: Partial<Record<ErrorCode, number>> = {
  USAGE: 64,
  NOT_FOUND: 64,
  ZNODE_MALFORMED: 65,
  GTID_MALFORMED: 65,
  BINLOG_CORRUPT: 65,
  BINLOG_UNSUPPORTED: 65,
  ZNODE_DENIED: 78,
  ZNODE_TOO_LARGE: 65,
  SESSION_LOST: 69,
  MYSQL_UNREACHABLE: 69,
  MYSQL_REFUSED: 69,
  PEER_UNREACHABLE: 69,
  ZNODE_CONFLICT: 75,
  LOCK_LOST: 75,
  TIMED_OUT: 75,
  STEP_TIMED_OUT: 75,
  CONFIG_INVALID: 78,
};

export function exitStatusOf({ code }: DcmhaError): number {
  return statuses[code] ?? 1;
}
