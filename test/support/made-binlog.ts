import { writeChecksum } from '../../src/core/binlog/checksum.ts';
import { EventType, FLAG_IN_USE } from '../../src/core/binlog/event-types.ts';
import type { Gtid } from '../../src/core/gtid/gtid.ts';
import { encodeGtidSet } from '../../src/core/gtid/gtid-set-encoding.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { readFixture } from './binlog.ts';

const MAGIC_BYTES = 4;
const HEADER_BYTES = 19;
const CHECKSUM_BYTES = 4;
/** A server's own file, and the body of the event that it begins with. */
const RECORDED = readFixture('rows.000001');
const FORMAT = RECORDED.subarray(
  MAGIC_BYTES + HEADER_BYTES,
  MAGIC_BYTES + RECORDED.readUInt32LE(MAGIC_BYTES + 9) - CHECKSUM_BYTES,
);

interface MadeBinlog {
  /** As a crash leaves the file that was being written. */
  readonly inUse?: boolean;
  /** Of the statements, which InnoDB commits when it finds them in the binlog; absent: of a table without transactions. */
  readonly ddlXid?: bigint;
}

/** A binlog file that holds these transactions, each of one small statement, after those of `previous`. */
export function makeBinlog(
  serverId: number,
  gtids: GtidSet,
  previous: GtidSet = EMPTY_GTID_SET,
  { inUse = false, ddlXid }: MadeBinlog = {},
): Buffer {
  const file = new MadeFile(serverId, previous);
  const body = ddlXid === undefined ? STATEMENT : atomicStatement(ddlXid);
  for (const { uuid, tag, intervals } of gtids.sources()) {
    for (const { start, end } of intervals) {
      for (let number = start; number <= end; number++)
        file.addTransaction({ uuid, tag, number }, [{ type: EventType.Query, body }]);
    }
  }
  return file.bytes(inUse);
}

/** An event without its header and checksum. */
export interface MadeEvent {
  readonly type: number;
  readonly body: Buffer;
}

/** One binlog file as its server writes it. */
export class MadeFile {
  sizeBytes = MAGIC_BYTES;
  readonly #serverId: number;
  readonly #parts: Buffer[] = [RECORDED.subarray(0, MAGIC_BYTES)];

  constructor(serverId: number, previous: GtidSet) {
    this.#serverId = serverId;
    this.#add(EventType.FormatDescription, FORMAT);
    this.#add(EventType.PreviousGtids, encodeGtidSet(previous));
  }

  addTransaction(gtid: Gtid, events: readonly MadeEvent[]): void {
    const size = events.reduce((sum, { body }) => sum + HEADER_BYTES + body.length + CHECKSUM_BYTES, 0);
    this.#add(EventType.Gtid, gtidBody(gtid, size));
    for (const { type, body } of events) this.#add(type, body);
  }

  /** Forgets all events from there on. */
  truncate(sizeBytes: number): void {
    while (this.sizeBytes > sizeBytes) this.sizeBytes -= this.#parts.pop()?.length ?? this.sizeBytes;
  }

  bytes(inUse: boolean): Buffer {
    const bytes = Buffer.concat(this.#parts);
    // The checksum of a format description is that of the file when it is closed.
    if (inUse) bytes.writeUInt16LE(FLAG_IN_USE, MAGIC_BYTES + 17);
    return bytes;
  }

  #add(type: number, body: Buffer): void {
    const event = Buffer.alloc(HEADER_BYTES + body.length + CHECKSUM_BYTES);
    event.writeUInt8(type, 4);
    event.writeUInt32LE(this.#serverId, 5);
    event.writeUInt32LE(event.length, 9);
    event.writeUInt32LE(this.sizeBytes + event.length, 13);
    body.copy(event, HEADER_BYTES);
    writeChecksum(event);
    this.#parts.push(event);
    this.sizeBytes += event.length;
  }
}

/** The body of a statement's event: thirteen bytes that do not matter here, no schema, the text. */
export function statementBody(text: string): Buffer {
  return Buffer.concat([Buffer.alloc(13), Buffer.from(`\0${text}`)]);
}

/** A statement that needs no BEGIN. */
const STATEMENT = statementBody('DROP TABLE IF EXISTS t');

/** The same, with the number that InnoDB knows it by: status variable 17. */
function atomicStatement(xid: bigint): Buffer {
  const variables = Buffer.alloc(9, 17);
  variables.writeBigUInt64LE(xid, 1);
  const statement = Buffer.concat([STATEMENT.subarray(0, 13), variables, STATEMENT.subarray(13)]);
  statement.writeUInt16LE(variables.length, 11);
  return statement;
}

const GTID_BODY_BYTES = 1 + 16 + 8 + 1 + 8 + 8 + 7;
const VERSION_BYTES = 4;

/** `eventBytes`: of all other events of the transaction. */
function gtidBody({ uuid, number }: Gtid, eventBytes: number): Buffer {
  const body = Buffer.alloc(GTID_BODY_BYTES);
  body.write(uuid.replaceAll('-', ''), 1, 'hex');
  body.writeBigInt64LE(number, 17);
  body[25] = 2;
  const version = Buffer.alloc(VERSION_BYTES);
  version.writeUInt32LE(90704);
  const around = HEADER_BYTES + GTID_BODY_BYTES + VERSION_BYTES + CHECKSUM_BYTES + eventBytes;
  return Buffer.concat([body, transactionLength(around), version]);
}

/** The length counts itself. */
function transactionLength(others: number): Buffer {
  if (others + 1 < 251) return Buffer.from([others + 1]);
  const packed = Buffer.from([252, 0, 0]);
  packed.writeUInt16LE(others + packed.length, 1);
  return packed;
}
