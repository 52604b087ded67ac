import { writeChecksum } from '../../src/core/binlog/checksum.ts';
import { EventType } from '../../src/core/binlog/event-types.ts';
import { encodeGtidSet } from '../../src/core/gtid/gtid-set-encoding.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { readFixture } from './binlog.ts';

const MAGIC_BYTES = 4;
const HEADER_BYTES = 19;

/** A binlog file that holds these transactions, each of one small statement, after those of `previous`. */
export function makeBinlog(serverId: number, gtids: GtidSet, previous: GtidSet = EMPTY_GTID_SET): Buffer {
  const parts: Buffer[] = [readFixture('rows.000001').subarray(0, MAGIC_BYTES)];
  let position = MAGIC_BYTES;
  const add = (type: number, body: Buffer): void => {
    const event = Buffer.alloc(HEADER_BYTES + body.length + 4);
    event.writeUInt8(type, 4);
    event.writeUInt32LE(serverId, 5);
    event.writeUInt32LE(event.length, 9);
    event.writeUInt32LE(position + event.length, 13);
    body.copy(event, HEADER_BYTES);
    writeChecksum(event);
    parts.push(event);
    position += event.length;
  };
  const format = readFixture('rows.000001');
  add(EventType.FormatDescription, format.subarray(23, MAGIC_BYTES + format.readUInt32LE(13) - 4));
  add(EventType.PreviousGtids, encodeGtidSet(previous));
  for (const { uuid, intervals } of gtids.sources()) {
    for (const { start, end } of intervals) {
      for (let number = start; number <= end; number++) {
        add(EventType.Gtid, gtidBody(uuid, number));
        add(EventType.Query, STATEMENT);
      }
    }
  }
  return Buffer.concat(parts);
}

/** A statement that needs no BEGIN. */
const STATEMENT = Buffer.concat([Buffer.alloc(13), Buffer.from('\0DROP TABLE IF EXISTS t')]);
const GTID_BODY_BYTES = 1 + 16 + 8 + 1 + 8 + 8 + 7 + 1 + 4;

function gtidBody(uuid: string, number: bigint): Buffer {
  const body = Buffer.alloc(GTID_BODY_BYTES);
  body.write(uuid.replaceAll('-', ''), 1, 'hex');
  body.writeBigInt64LE(number, 17);
  body[25] = 2;
  body[49] = HEADER_BYTES + GTID_BODY_BYTES + 4 + HEADER_BYTES + STATEMENT.length + 4;
  body.writeUInt32LE(90704, 50);
  return body;
}
