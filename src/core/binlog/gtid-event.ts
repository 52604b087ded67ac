import { formatUuid, MAX_TRANSACTION_NUMBER, type Gtid } from '../gtid/gtid.ts';
import { corrupt, unsupported } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { EventType } from './event-types.ts';
import { readSignedVarint, readSmallVarint, readVarint } from './serialization.ts';

/** What begins each transaction: `Gtid_event`, for its three types. Timestamps are microseconds since 1970. */
export interface GtidEvent {
  /** Absent: anonymous. */
  readonly gtid: Gtid | undefined;
  /** It may hold statements beside rows (`FLAG_MAY_HAVE_SBR`); mysqlbinlog prints the opposite as rbr_only. */
  readonly mayHaveStatements: boolean;
  readonly lastCommitted: bigint;
  readonly sequenceNumber: bigint;
  /** From 8.0 on. */
  readonly immediateCommitTimestamp?: bigint;
  readonly originalCommitTimestamp?: bigint;
  /** Bytes of all the transaction's events, this one included. From 8.0.2 on. */
  readonly transactionLength?: number;
  /** From 8.0.14 on; 999999 where the origin did not say. */
  readonly immediateServerVersion?: number;
  readonly originalServerVersion?: number;
  readonly commitGroupTicket?: bigint;
}

const FLAG_MAY_HAVE_STATEMENTS = 1;
const LOGICAL_TIMESTAMP = 2;
const UUID_BYTES = 16;
const HAS_ORIGINAL_TIMESTAMP = 1n << 55n;

export function parseGtidEvent(type: number, body: Buffer): GtidEvent {
  const cursor = new Cursor(body);
  return type === EventType.GtidTagged ? parseTagged(cursor) : parseUntagged(cursor, type === EventType.Gtid);
}

type Draft = { -readonly [K in keyof GtidEvent]: GtidEvent[K] };

function parseUntagged(cursor: Cursor, isNamed: boolean): GtidEvent {
  const flags = cursor.u8();
  const uuid = cursor.take(UUID_BYTES);
  const number = cursor.i64();
  if (!isNamed && number !== 0n) throw corrupt(`an anonymous transaction with number ${number.toString()}`);
  const event: Draft = {
    gtid: isNamed ? checked({ uuid: formatUuid(uuid), tag: '', number }) : undefined,
    mayHaveStatements: (flags & FLAG_MAY_HAVE_STATEMENTS) !== 0,
    lastCommitted: 0n,
    sequenceNumber: 0n,
  };
  // 5.6 and the first 5.7 stop here, or go on with something else.
  if (cursor.remaining >= 17 && cursor.u8() === LOGICAL_TIMESTAMP) {
    event.lastCommitted = cursor.u64();
    event.sequenceNumber = cursor.u64();
    readCommitTimestamps(cursor, event);
  }
  return event;
}

/** Each part is there only if the ones before it are. */
function readCommitTimestamps(cursor: Cursor, event: Draft): void {
  if (cursor.remaining < 7) return;
  const immediate = u56(cursor);
  event.immediateCommitTimestamp = immediate & ~HAS_ORIGINAL_TIMESTAMP;
  event.originalCommitTimestamp = immediate === event.immediateCommitTimestamp ? immediate : u56(cursor);
  if (cursor.remaining < 1) return;
  event.transactionLength = cursor.lenenc();
  if (cursor.remaining < 4) return;
  const version = cursor.u32();
  event.immediateServerVersion = version & 0x7fff_ffff;
  event.originalServerVersion = version >>> 31 === 0 ? version : cursor.u32();
  if (cursor.remaining >= 8) event.commitGroupTicket = cursor.u64();
}

type FieldReader = (cursor: Cursor, event: Draft, name: { -readonly [K in keyof Gtid]: Gtid[K] }) => void;

const FIELDS: ReadonlyMap<number, FieldReader> = new Map<number, FieldReader>([
  [
    0,
    (cursor, event) => (event.mayHaveStatements = (readSmallVarint(cursor) & FLAG_MAY_HAVE_STATEMENTS) !== 0),
  ],
  [1, (cursor, _, name) => (name.uuid = readUuid(cursor))],
  [2, (cursor, _, name) => (name.number = readSignedVarint(cursor))],
  [3, (cursor, _, name) => (name.tag = cursor.take(readSmallVarint(cursor)).toString('latin1'))],
  [4, (cursor, event) => (event.lastCommitted = readSignedVarint(cursor))],
  [5, (cursor, event) => (event.sequenceNumber = readSignedVarint(cursor))],
  [6, (cursor, event) => (event.immediateCommitTimestamp = readVarint(cursor))],
  [7, (cursor, event) => (event.originalCommitTimestamp = readVarint(cursor))],
  [8, (cursor, event) => (event.transactionLength = Number(readVarint(cursor)))],
  [9, (cursor, event) => (event.immediateServerVersion = readSmallVarint(cursor))],
  [10, (cursor, event) => (event.originalServerVersion = readSmallVarint(cursor))],
  [11, (cursor, event) => (event.commitGroupTicket = readVarint(cursor))],
]);

/** `mysql::serialization` message: version, size, the last field that must be understood, then (id, value) in rising order of id. */
function parseTagged(whole: Cursor): GtidEvent {
  const start = whole.position;
  const version = readSmallVarint(whole);
  if (version !== 1) throw unsupported(`serialization version ${version} of a tagged GTID`);
  const size = readSmallVarint(whole);
  const cursor = whole.sub(size - (whole.position - start));
  const lastNeeded = readSmallVarint(cursor);
  if (lastNeeded > FIELDS.size)
    throw unsupported(`a tagged GTID with a field ${lastNeeded - 1} that must be understood`);
  const event: Draft = { gtid: undefined, mayHaveStatements: true, lastCommitted: 0n, sequenceNumber: 0n };
  const name = { uuid: '', tag: '', number: 0n };
  while (cursor.remaining > 0) {
    const read = FIELDS.get(readSmallVarint(cursor));
    if (read === undefined) break; // newer than this program, and everything after it is, too
    read(cursor, event, name);
  }
  if (name.uuid === '') throw corrupt('a tagged GTID without its UUID');
  event.gtid = checked(name);
  if (event.immediateCommitTimestamp !== undefined)
    event.originalCommitTimestamp ??= event.immediateCommitTimestamp;
  if (event.immediateServerVersion !== undefined)
    event.originalServerVersion ??= event.immediateServerVersion;
  return event;
}

/** Sixteen varints, one a byte. */
function readUuid(cursor: Cursor): string {
  return formatUuid(Buffer.from(Array.from({ length: UUID_BYTES }, () => readSmallVarint(cursor))));
}

function checked(gtid: Gtid): Gtid {
  if (gtid.number >= 1n && gtid.number <= MAX_TRANSACTION_NUMBER) return gtid;
  throw corrupt(`transaction number ${gtid.number.toString()} is out of range`);
}

function u56(cursor: Cursor): bigint {
  const low = cursor.u48();
  return (BigInt(cursor.u8()) << 48n) | BigInt(low);
}
