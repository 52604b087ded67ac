import { Buffer } from 'node:buffer';
import { Cursor } from '../binlog/cursor.ts';
import { hasCode } from '../model/errors.ts';
import { protocolError } from './packets.ts';

/** Reads a client's message; one that is too short, or contradicts itself, is `PEER_PROTOCOL`. */
export function readFields<T>(payload: Buffer, what: string, read: (cursor: Cursor) => T): T {
  try {
    return read(new Cursor(payload));
  } catch (error) {
    if (hasCode(error, 'BINLOG_CORRUPT', 'GTID_MALFORMED')) throw protocolError(`malformed ${what}`);
    throw error;
  }
}

/** Text up to its zero byte. */
export function readZeroEnded(cursor: Cursor): string {
  const end = cursor.bytes.indexOf(0, cursor.position);
  if (end < 0) throw protocolError('a text without its end');
  const text = cursor.take(end - cursor.position).toString('utf8');
  cursor.skip(1);
  return text;
}

export function zeroEnded(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A packed number (`net_store_length`). */
export function packedNumber(value: number): Buffer {
  if (value < 251) return Buffer.from([value]);
  if (value < 2 ** 16) return Buffer.concat([Buffer.from([252]), uint16(value)]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 254;
  bytes.writeBigUInt64LE(BigInt(value), 1);
  return bytes;
}

/** Text behind its packed length. */
export function packedText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([packedNumber(bytes.length), bytes]);
}
