import { z } from 'zod';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../core/model/errors.ts';
import { remedyFor } from './remedy.ts';

/** The part of a mysql2 error that is kept. Its `sql` is not: it may hold a replication password. */
const driverError = z.object({
  message: z.string(),
  code: z.string().optional(),
  errno: z.number().optional(),
  sqlState: z.string().optional(),
});
type DriverError = z.infer<typeof driverError>;

/** mysql2 gives up a handshake by these although somebody answered: an answer, so a refusal. Numbers of the C client library. */
const HANDSHAKE_REFUSALS: Readonly<Record<string, number>> = {
  HANDSHAKE_NO_SSL_SUPPORT: 2026,
  HANDSHAKE_SSL_ERROR: 2026,
  AUTH_SWITCH_PLUGIN_ERROR: 2059,
};

/** The session is over though a server error says so: going down (1053), killed (1317 is a query only; 3169), idle too long (4031). */
const SESSION_ENDS = new Set([1053, 3169, 4031]);

const LONGEST_TEXT = 500;

export interface ErrorContext {
  readonly server: Endpoint;
  /** Literal secrets that must not appear in a message, even when a syntax error quotes them. */
  readonly secrets: readonly string[];
}

/** Why no session could be had: MYSQL_REFUSED when something answered, else MYSQL_UNREACHABLE with `details.code`. */
export function connectError(error: unknown, context: ErrorContext): DcmhaError {
  const seen = parse(error);
  const server = formatEndpoint(context.server);
  const text = presentable(seen.message, context.secrets);
  const errno = refusalNumber(seen);
  if (errno !== undefined) {
    return new DcmhaError('MYSQL_REFUSED', `${server} refuses the connection: ${text} (${errno})`, {
      details: { server, errno, text },
    });
  }
  return unreachable(context.server, seen.code ?? 'UNKNOWN', text);
}

/** Why a statement failed: MYSQL_UNREACHABLE when the session is gone, else MYSQL_REJECTED with `details.errno`. */
export function statementError(error: unknown, what: string, context: ErrorContext): DcmhaError {
  const seen = parse(error);
  const text = presentable(seen.message, context.secrets);
  if (seen.sqlState === undefined || seen.errno === undefined || SESSION_ENDS.has(seen.errno)) {
    return unreachable(context.server, seen.code ?? 'UNKNOWN', text);
  }
  const server = formatEndpoint(context.server);
  const remedy = remedyFor(seen.errno);
  return new DcmhaError(
    'MYSQL_REJECTED',
    `${server} rejects ${what}: ${text} (${seen.errno})${remedy === undefined ? '' : `; ${remedy}`}`,
    { details: { server, errno: seen.errno, text, statement: what } },
  );
}

export function unreachable(server: Endpoint, code: string, text: string): DcmhaError {
  const name = formatEndpoint(server);
  return new DcmhaError('MYSQL_UNREACHABLE', `no connection to MySQL at ${name}: ${text}`, {
    details: { server: name, code },
  });
}

function refusalNumber({ code, errno, sqlState }: DriverError): number | undefined {
  if (sqlState !== undefined) return errno;
  return code === undefined ? undefined : HANDSHAKE_REFUSALS[code];
}

function parse(error: unknown): DriverError {
  const parsed = driverError.safeParse(error);
  return parsed.success ? parsed.data : { message: String(error) };
}

/** On one line, and no longer than an operator reads: whoever listens there wrote it. */
function presentable(text: string, secrets: readonly string[]): string {
  const redacted = secrets.reduce(
    (kept, secret) => (secret === '' ? kept : kept.replaceAll(secret, '***')),
    text,
  );
  return redacted.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, LONGEST_TEXT);
}

/** The error number that the server refused a statement with; undefined for any other failure. */
export function rejectionOf(error: unknown): number | undefined {
  const errno = hasCode(error, 'MYSQL_REJECTED') ? error.details['errno'] : undefined;
  return typeof errno === 'number' ? errno : undefined;
}

/** Whether the server refused a statement with one of just these error numbers. */
export function isRejected(error: unknown, ...errnos: readonly number[]): error is DcmhaError {
  const errno = rejectionOf(error);
  return errno !== undefined && errnos.includes(errno);
}
