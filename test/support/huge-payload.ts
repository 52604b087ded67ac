import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import { writeChecksum } from '../../src/core/binlog/checksum.ts';
import { EventType } from '../../src/core/binlog/event-types.ts';
import { readFixture, scan } from './binlog.ts';

const BLOCK_BYTES = 128 * 1024;
const EVENT_BYTES = 8192;

/** Of how many events the transaction of `writeHugePayload` is. */
export function eventsOf(blocks: number): number {
  return (blocks * BLOCK_BYTES) / EVENT_BYTES;
}

/**
 * Writes a binlog file of one compressed transaction, as big packed as unpacked: zstd blocks that are stored as they are, 128 KiB each, full of
 * rows queries.
 */
export async function writeHugePayload(file: string, blocks: number): Promise<void> {
  const { events } = scan(readFixture('killed.000001'));
  const start = readFixture('killed.000001').subarray(0, events[1]!.offset);
  const header = events[1]!.raw.subarray(0, 19);
  const out = createWriteStream(file);
  out.write(Buffer.concat([start, anonymousGtid(header)]));
  const block = blockOf(header);
  const sizeBytes = blocks * BLOCK_BYTES;
  // No content size, no dictionary, no checksum; a window of 2 MiB.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3]);
  const packedBytes = frame.length + blocks * block.length;
  const head = Buffer.concat([
    ...[field(2, Buffer.from([0])), field(3, lenenc(sizeBytes)), field(1, lenenc(packedBytes))],
    Buffer.from([0]),
  ]);
  const event = Buffer.concat([eventHeader(header, EventType.TransactionPayload), head, frame]);
  event.writeUInt32LE(19 + head.length + packedBytes + 4, 9);
  out.write(event);
  let sum = crc32(event);
  for (let n = 1; n <= blocks; n++) {
    block[0] = (block[0]! & ~1) | (n === blocks ? 1 : 0);
    const written = Buffer.from(block);
    sum = crc32(written, sum);
    if (!out.write(written)) await once(out, 'drain');
  }
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(sum);
  out.end(checksum);
  await once(out, 'close');
}

/** Header and data of a stored block; bit 0 says that it is the last one. */
function blockOf(header: Buffer): Buffer {
  const event = Buffer.alloc(EVENT_BYTES, 0x5a);
  eventHeader(header, EventType.RowsQuery).copy(event);
  event.writeUInt32LE(EVENT_BYTES, 9);
  event[19] = 1;
  const size = Buffer.alloc(3);
  size.writeUIntLE(BLOCK_BYTES << 3, 0, 3);
  return Buffer.concat([size, ...Array.from({ length: BLOCK_BYTES / EVENT_BYTES }, () => event)]);
}

function eventHeader(like: Buffer, type: number): Buffer {
  const header = Buffer.from(like);
  header[4] = type;
  return header;
}

/** It does not tell the length of its transaction. */
function anonymousGtid(header: Buffer): Buffer {
  const event = Buffer.concat([eventHeader(header, EventType.AnonymousGtid), Buffer.alloc(42 + 4)]);
  event.writeUInt32LE(event.length, 9);
  writeChecksum(event);
  return event;
}

function field(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length]), value]);
}

function lenenc(value: number): Buffer {
  const bytes = Buffer.alloc(9, 254);
  bytes.writeBigUInt64LE(BigInt(value), 1);
  return bytes;
}
