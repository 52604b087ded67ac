import type { DcmhaError, ErrorCode } from '../../core/model/errors.ts';

const passingCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MYSQL_UNREACHABLE',
  'MYSQL_REFUSED',
  'TIMED_OUT',
  'SESSION_LOST',
  'LOCK_LOST',
  'PEER_REFUSED',
]);
/** Lock waits, a killed statement, read_only switched back by somebody, a server that stops, another CLONE that runs. */
const passingErrors: ReadonlySet<unknown> = new Set([1205, 1213, 1290, 1317, 1836, 1053, 3634]);

/** May well be different the next time. */
export function isPassing(error: DcmhaError): boolean {
  return passingCodes.has(error.code) || passingErrors.has(error.details['errno']);
}
