import { corrupt } from './binlog-errors.ts';
import type { TextBuffer } from './text.ts';
import { leftoverBytes } from './values-kind.ts';

interface Groups {
  readonly from: Buffer;
  /** 0xff for a negative number, whose bytes are stored inverted. */
  readonly mask: number;
  /** The byte that carries the sign bit. */
  readonly start: number;
}

/**
 * Writes a DECIMAL(precision, scale) in MySQL's binary form (mysql-server: decimal2bin): groups of nine digits in four big-endian bytes,
 * shorter groups outside, the sign in the top bit.
 * @throws BINLOG_CORRUPT when the bytes are no such number
 */
export function writeDecimal(out: TextBuffer, from: Buffer, at: number, type: DecimalType): void {
  const negative = ((from[at] ?? 0) & 0x80) === 0;
  const groups: Groups = { from, mask: negative ? 0xff : 0, start: at };
  if (negative) out.byte(0x2d);
  const point = writeInteger(out, groups, type.precision - type.scale);
  if (type.scale > 0) writeFraction(out.byte(0x2e), groups, point, type.scale);
}

interface DecimalType {
  readonly precision: number;
  readonly scale: number;
}

function writeInteger(out: TextBuffer, groups: Groups, digits: number): number {
  const leading = digits % 9;
  let at = groups.start;
  let written = false;
  for (let left = digits; left > 0;) {
    const size = left === digits && leading > 0 ? leading : 9;
    const bytes = leftoverBytes(size);
    const value = readGroup(groups, at, bytes, size);
    if (written) out.padded(value, 9);
    else if (value > 0) out.int(value);
    written ||= value > 0;
    at += bytes;
    left -= size;
  }
  if (!written) out.byte(0x30);
  return at;
}

function writeFraction(out: TextBuffer, groups: Groups, from: number, digits: number): void {
  let at = from;
  for (let left = digits; left > 0; left -= 9) {
    const size = Math.min(left, 9);
    const bytes = leftoverBytes(size);
    out.padded(readGroup(groups, at, bytes, size), size);
    at += bytes;
  }
}

function readGroup(groups: Groups, at: number, bytes: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + bytes; i++) {
    const flip = i === groups.start ? groups.mask ^ 0x80 : groups.mask;
    value = value * 256 + ((groups.from[i] ?? 0) ^ flip);
  }
  if (value >= 10 ** digits) {
    throw corrupt('a DECIMAL value holds bytes that are no decimal digits', { at });
  }
  return value;
}
