import { corrupt } from './binlog-errors.ts';
import type { Cursor } from './cursor.ts';

/**
 * `mysql::serialization` variable-length integer: the trailing one bits of the first byte say how many bytes follow it, the value is in
 * the bits above them, little-endian. Nine bytes: 0xff, then eight of value.
 */
export function readVarint(cursor: Cursor): bigint {
  const first = cursor.u8();
  let following = 0;
  while (following < 8 && (first & (1 << following)) !== 0) following++;
  if (following === 0) return BigInt(first >> 1);
  if (following === 8) return cursor.u64();
  let value = 0n;
  const bytes = cursor.take(following);
  for (let i = following - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  // The first byte contributes the bits above its length prefix.
  return (value << BigInt(7 - following)) | BigInt(first >> (following + 1));
}

/** The lowest bit is the sign: x >= 0 is x << 1, x < 0 is (-(x + 1) << 1) | 1. */
export function readSignedVarint(cursor: Cursor): bigint {
  const value = readVarint(cursor);
  return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
}

/** A varint that counts or numbers things. */
export function readSmallVarint(cursor: Cursor): number {
  const value = readVarint(cursor);
  if (value > 0xffff_ffffn) throw corrupt(`serialized number ${value.toString()} is out of range`);
  return Number(value);
}
