import { hasCode } from '../model/errors.ts';
import { writeDecimal } from './decimal.ts';
import { writeJsonText } from './json-text.ts';
import {
  writeDate,
  writeDatetime2,
  writeOldDatetime,
  writeOldTime,
  writeTime2,
  writeTimestamp2,
} from './temporal.ts';
import { TextBuffer } from './text.ts';
import { formatE, formatG } from './values-float.ts';
import type { ColumnKind } from './values-kind.ts';

/** Writes the value whose bytes are `bytes[from, to)`; a length in front of it is not among them. */
export type ValueWriter = (out: TextBuffer, bytes: Buffer, from: number, to: number) => void;

/**
 * How `mysqlbinlog -v` prints a column's values. It knows no signs, sets or enum names; negative numbers carry their unsigned
 * reading, TIMESTAMPs are seconds. GEOMETRY, at which it gives up, is printed in hexadecimal.
 */
export function textWriter(column: ColumnKind): ValueWriter {
  if ('fsp' in column) return temporalWriter(column.kind, column.fsp);
  if (column.kind === 'int') return intWriters[column.bytes];
  if (column.kind === 'decimal') return (out, bytes, from) => writeDecimal(out, bytes, from, column);
  if (column.kind === 'enum') return (out, bytes, from) => void out.int(bytes.readUIntLE(from, column.bytes));
  if (column.kind === 'bit') return bitsWriter(column.bits);
  if (column.kind === 'set') return bitsWriter(column.bytes * 8);
  return plainWriters[column.kind];
}

function bitsWriter(bits: number): ValueWriter {
  return (out, bytes, from, to) => writeBits(out, bytes.subarray(from, to), bits);
}

function temporalWriter(kind: 'time2' | 'datetime2' | 'timestamp2', fsp: number): ValueWriter {
  switch (kind) {
    case 'time2':
      return (out, bytes, from) => quote(out, () => writeTime2(out, bytes, from, fsp));
    case 'datetime2':
      return (out, bytes, from) => quote(out, () => writeDatetime2(out, bytes, from, fsp));
    case 'timestamp2':
      return (out, bytes, from) => writeTimestamp2(out, bytes, from, fsp);
  }
}

type Parametrised = 'int' | 'decimal' | 'bit' | 'set' | 'enum' | 'time2' | 'datetime2' | 'timestamp2';

const plainWriters: Readonly<Record<Exclude<ColumnKind['kind'], Parametrised>, ValueWriter>> = {
  float: (out, bytes, from) => void out.ascii(formatG(bytes.readFloatLE(from), 6).padEnd(20)),
  double: (out, bytes, from) => writeDouble(out, bytes.readDoubleLE(from)),
  year: (out, bytes, from) => void out.int(1900 + bytes.readUInt8(from)),
  date: (out, bytes, from) => quote(out, () => writeDate(out, bytes, from, ':')),
  time: (out, bytes, from) => quote(out, () => writeOldTime(out, bytes, from, false)),
  datetime: (out, bytes, from) => writeOldDatetime(out, bytes, from),
  timestamp: (out, bytes, from) => void out.int(bytes.readInt32LE(from)),
  string: (out, bytes, from, to) => void out.quoted(bytes, from, to),
  blob: (out, bytes, from, to) => void out.quoted(bytes, from, to),
  json: writeQuotedJson,
  geometry: (out, bytes, from, to) => void out.ascii("x'").hex(bytes, from, to).ascii("'"),
  vector: writeVector,
};

const intWriters: Readonly<Record<1 | 2 | 3 | 4 | 8, ValueWriter>> = {
  1: (out, bytes, from) => writeSmallInt(out, bytes.readInt8(from), 0x100),
  2: (out, bytes, from) => writeSmallInt(out, bytes.readInt16LE(from), 0x10000),
  3: (out, bytes, from) => writeSmallInt(out, bytes.readIntLE(from, 3), 0x1000000),
  4: (out, bytes, from) => writeSmallInt(out, bytes.readInt32LE(from), 0x100000000),
  8: (out, bytes, from) => writeBigInt(out, bytes, from),
};

function writeSmallInt(out: TextBuffer, value: number, range: number): void {
  out.int(value);
  if (value < 0)
    out
      .ascii(' (')
      .int(value + range)
      .ascii(')');
}

/** Most BIGINTs fit a double; those never become a bigint, which would be the slowest part of a row. */
function writeBigInt(out: TextBuffer, bytes: Buffer, from: number): void {
  const high = bytes.readInt32LE(from + 4);
  if (high >= 0 && high < 0x200000) {
    out.int(high * 0x100000000 + bytes.readUInt32LE(from));
    return;
  }
  out.big(bytes.readBigInt64LE(from));
  if (high < 0) out.ascii(' (').big(bytes.readBigUInt64LE(from)).ascii(')');
}

function writeDouble(out: TextBuffer, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) out.int(value);
  else out.ascii(formatG(value, 20));
}

function writeBits(out: TextBuffer, bytes: Buffer, bits: number): void {
  out.ascii("b'");
  for (let bit = bits - 1; bit >= 0; bit--) {
    const byte = bytes[bytes.length - 1 - (bit >> 3)] ?? 0;
    out.byte((byte >> (bit & 7)) & 1 ? 0x31 : 0x30);
  }
  out.ascii("'");
}

function writeVector(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  out.ascii('[');
  for (let at = from; at + 4 <= to; at += 4) {
    if (at > from) out.ascii(',');
    out.ascii(formatE(bytes.readFloatLE(at), 5));
  }
  out.ascii(']');
}

/** A 5.7 server could log before images of virtual JSON columns that are no document; the row is readable all the same. */
function writeQuotedJson(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  const text = new TextBuffer(2 * (to - from) + 64);
  try {
    writeJsonText(text, bytes, from, to);
  } catch (error) {
    if (!hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED')) throw error;
    out.ascii('Invalid JSON');
    return;
  }
  out.quoted(text.view(), 0, text.length);
}

function quote(out: TextBuffer, write: () => void): void {
  out.byte(0x27);
  write();
  out.byte(0x27);
}
