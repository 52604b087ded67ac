import { writeChecksum } from '../../src/core/binlog/checksum.ts';
import { EventType, FLAG_IN_USE } from '../../src/core/binlog/event-types.ts';
import { encodeGtidSet } from '../../src/core/gtid/gtid-set-encoding.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { readFixture } from './binlog.ts';

const MAGIC_BYTES = 4;
const HEADER_BYTES = 19;

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
  const statement = ddlXid === undefined ? STATEMENT : atomicStatement(ddlXid);
  const parts: Buffer[] = [readFixture('rows.000001').subarray(0, MAGIC_BYTES)];
  let position = MAGIC_BYTES;
  const add = (type: number, body: Buffer): void => {
    const event = Buffer.alloc(HEADER_BYTES + body.length + 4);
    event.writeUInt8(type, 4);
    event.writeUInt32LE(serverId, 5);
    event.writeUInt32LE(event.length, 9);
    event.writeUInt32LE(position + event.length, 13);
    body.copy(event, HEADER_BYTES);
    // The checksum of a format description is that of the file when it is closed.
    writeChecksum(event);
    if (inUse && type === EventType.FormatDescription) event.writeUInt16LE(FLAG_IN_USE, 17);
    parts.push(event);
    position += event.length;
  };
  const format = readFixture('rows.000001');
  add(EventType.FormatDescription, format.subarray(23, MAGIC_BYTES + format.readUInt32LE(13) - 4));
  add(EventType.PreviousGtids, encodeGtidSet(previous));
  for (const { uuid, intervals } of gtids.sources()) {
    for (const { start, end } of intervals) {
      for (let number = start; number <= end; number++) {
        add(EventType.Gtid, gtidBody(uuid, number, statement.length));
        add(EventType.Query, statement);
      }
    }
  }
  return Buffer.concat(parts);
}

/** A statement that needs no BEGIN. */
const STATEMENT = Buffer.concat([Buffer.alloc(13), Buffer.from('\0DROP TABLE IF EXISTS t')]);

/** The same, with the number that InnoDB knows it by: status variable 17. */
function atomicStatement(xid: bigint): Buffer {
  const variables = Buffer.alloc(9, 17);
  variables.writeBigUInt64LE(xid, 1);
  const statement = Buffer.concat([STATEMENT.subarray(0, 13), variables, STATEMENT.subarray(13)]);
  statement.writeUInt16LE(variables.length, 11);
  return statement;
}

const GTID_BODY_BYTES = 1 + 16 + 8 + 1 + 8 + 8 + 7 + 1 + 4;

function gtidBody(uuid: string, number: bigint, statementBytes: number): Buffer {
  const body = Buffer.alloc(GTID_BODY_BYTES);
  body.write(uuid.replaceAll('-', ''), 1, 'hex');
  body.writeBigInt64LE(number, 17);
  body[25] = 2;
  body[49] = HEADER_BYTES + GTID_BODY_BYTES + 4 + HEADER_BYTES + statementBytes + 4;
  body.writeUInt32LE(90704, 50);
  return body;
}
