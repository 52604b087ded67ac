import { unsupported } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';

/** A statement, and the session state it ran under: `Query_event`. */
export interface QueryEvent {
  readonly threadId: number;
  readonly executionSeconds: number;
  readonly errorCode: number;
  /** The default database of the session, or ''. */
  readonly schema: string;
  /** In the character set of the session (`character_set_client`). */
  readonly query: Buffer;
  /** Not read yet: see `parseStatusVariables`. */
  readonly statusVariables: Buffer;
}

const POST_HEADER = 13;
const MAX_STATUS_VARIABLES = 0xffff;
const MAX_SCHEMA = 0xff;

/** Of an event, this much from its header on is enough for `queryText` to tell what the statement begins with. */
export const QUERY_START_BYTES = 19 + POST_HEADER + MAX_STATUS_VARIABLES + MAX_SCHEMA + 1 + 64;

export function parseQueryEvent(body: Buffer): QueryEvent {
  const cursor = new Cursor(body);
  const threadId = cursor.u32();
  const executionSeconds = cursor.u32();
  const schemaLength = cursor.u8();
  const errorCode = cursor.u16();
  const statusVariables = cursor.take(cursor.u16());
  const schema = cursor.take(schemaLength).toString('utf8');
  cursor.skip(1);
  return { threadId, executionSeconds, errorCode, schema, query: cursor.rest(), statusVariables };
}

/** The first characters of the statement, and its whole length in bytes, when `body` may be cut off after `QUERY_START_BYTES`. */
export function queryText(body: Buffer, maxCharacters: number): string {
  const cursor = new Cursor(body);
  cursor.skip(8);
  const schemaLength = cursor.u8();
  cursor.skip(2);
  cursor.skip(cursor.u16() + schemaLength + 1);
  const start = cursor.position;
  return body.toString('latin1', start, Math.min(body.length, start + maxCharacters));
}

/** Session state of a statement. What is absent was not logged. Codes: `Query_event::Query_event_status_vars`. */
export interface StatusVariables {
  readonly flags2?: number;
  readonly sqlMode?: bigint;
  readonly autoIncrementIncrement?: number;
  readonly autoIncrementOffset?: number;
  /** Collation numbers of character_set_client, collation_connection, collation_server. */
  readonly charset?: readonly [client: number, connection: number, server: number];
  readonly timeZone?: string;
  readonly lcTimeNames?: number;
  readonly collationDatabase?: number;
  readonly tableMapForUpdate?: bigint;
  readonly microseconds?: number;
  readonly invoker?: { readonly user: string; readonly host: string };
  readonly explicitDefaultsForTimestamp?: boolean;
  readonly ddlXid?: bigint;
  readonly defaultCollationForUtf8mb4?: number;
  readonly sqlRequirePrimaryKey?: boolean;
  readonly defaultTableEncryption?: boolean;
  readonly enableCascadeTriggers?: boolean;
}

type Draft = { -readonly [K in keyof StatusVariables]: StatusVariables[K] };

const READERS: ReadonlyMap<number, (cursor: Cursor, into: Draft) => void> = new Map<
  number,
  (cursor: Cursor, into: Draft) => void
>([
  [0, (cursor, into) => (into.flags2 = cursor.u32())],
  [1, (cursor, into) => (into.sqlMode = cursor.u64())],
  [2, (cursor) => cursor.skip(cursor.u8() + 1)], // catalog of 5.0.0 to 5.0.3
  [
    3,
    (cursor, into) => {
      into.autoIncrementIncrement = cursor.u16();
      into.autoIncrementOffset = cursor.u16();
    },
  ],
  [4, (cursor, into) => (into.charset = [cursor.u16(), cursor.u16(), cursor.u16()])],
  [5, (cursor, into) => (into.timeZone = shortText(cursor))],
  [6, (cursor) => cursor.skip(cursor.u8())], // catalog, always 'std'
  [7, (cursor, into) => (into.lcTimeNames = cursor.u16())],
  [8, (cursor, into) => (into.collationDatabase = cursor.u16())],
  [9, (cursor, into) => (into.tableMapForUpdate = cursor.u64())],
  [11, (cursor, into) => (into.invoker = { user: shortText(cursor), host: shortText(cursor) })],
  [12, skipUpdatedSchemas],
  [13, (cursor, into) => (into.microseconds = cursor.u24())],
  [16, (cursor, into) => (into.explicitDefaultsForTimestamp = cursor.u8() !== 0)],
  [17, (cursor, into) => (into.ddlXid = cursor.u64())],
  [18, (cursor, into) => (into.defaultCollationForUtf8mb4 = cursor.u16())],
  [19, (cursor, into) => (into.sqlRequirePrimaryKey = cursor.u8() !== 0)],
  [20, (cursor, into) => (into.defaultTableEncryption = cursor.u8() !== 0)],
  [21, (cursor, into) => (into.enableCascadeTriggers = cursor.u8() !== 0)],
]);

/** Throws BINLOG_UNSUPPORTED for a variable not known: its length and its effect are not known either. */
export function parseStatusVariables(bytes: Buffer): StatusVariables {
  const cursor = new Cursor(bytes);
  const variables: Draft = {};
  while (cursor.remaining > 0) {
    const code = cursor.u8();
    const read = READERS.get(code);
    if (read === undefined) throw unsupported(`session variable with code ${code} in a statement`, { code });
    read(cursor, variables);
  }
  return variables;
}

/** Names for the applier's scheduling; 254 stands for more than 16 of them, without names. */
function skipUpdatedSchemas(cursor: Cursor): void {
  const count = cursor.u8();
  if (count > 16) return;
  for (let i = 0; i < count; i++) while (cursor.u8() !== 0);
}

function shortText(cursor: Cursor): string {
  return cursor.take(cursor.u8()).toString('utf8');
}
