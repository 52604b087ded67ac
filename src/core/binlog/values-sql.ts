import { isUtf8 } from 'node:buffer';
import { hasCode } from '../model/errors.ts';
import { writeDecimal } from './decimal.ts';
import { writeJsonLiteral } from './json-sql.ts';
import {
  writeDate,
  writeDatetime2,
  writeOldDatetime,
  writeOldTime,
  writeTime2,
  writeTimestamp2AsUtc,
  writeTimestampAsUtc,
} from './temporal.ts';
import { isAsciiCompatible } from './values-charset.ts';
import type { TextBuffer } from './text.ts';
import { doubleLiteral } from './values-float.ts';
import type { ColumnKind } from './values-kind.ts';
import type { ValueWriter } from './values-text.ts';

/** What a column's values mean beyond their bytes; what is not known is left out. */
export interface ColumnMeaning {
  readonly kind: ColumnKind;
  readonly unsigned?: boolean;
  /** As an introducer takes it; `binary` for BINARY, VARBINARY and BLOB. */
  readonly charset?: string;
  /** Values of an ENUM or SET column in its character set. */
  readonly members?: readonly Buffer[];
}

/**
 * How a column's values are written in SQL so that MySQL reads them back unchanged, in a session that speaks utf8mb4, lives at
 * UTC, knows backslash escapes and takes zero dates (`sessionPreamble` in render.ts sets all that).
 */
export function literalWriter(column: ColumnMeaning): ValueWriter {
  const { kind } = column;
  if ('fsp' in kind) return temporalLiteral(kind.kind, kind.fsp);
  if (kind.kind === 'int') return intLiteral(kind.bytes, column.unsigned === true);
  if (kind.kind === 'decimal') return (out, bytes, from) => writeDecimal(out, bytes, from, kind);
  if (kind.kind === 'enum') return enumLiteral(kind.bytes, column);
  if (kind.kind === 'set') return setLiteral(kind.bytes, column);
  if (kind.kind === 'bit') return bitLiteral(kind.bits);
  if (kind.kind === 'string' && column.charset === 'binary') return binaryLiteral(kind.padTo ?? 0);
  if (kind.kind === 'string' || kind.kind === 'blob') return textLiteral(column.charset);
  return plainLiterals[kind.kind];
}

type Parametrised =
  'int' | 'decimal' | 'bit' | 'set' | 'enum' | 'string' | 'blob' | 'time2' | 'datetime2' | 'timestamp2';

const plainLiterals: Readonly<Record<Exclude<ColumnKind['kind'], Parametrised>, ValueWriter>> = {
  // A FLOAT is compared as a DOUBLE, so it is written with all the digits that its double has.
  float: (out, bytes, from) => void out.ascii(doubleLiteral(bytes.readFloatLE(from))),
  double: (out, bytes, from) => void out.ascii(doubleLiteral(bytes.readDoubleLE(from))),
  year: (out, bytes, from) => void out.int(yearOf(bytes.readUInt8(from))),
  date: (out, bytes, from) => quote(out, () => writeDate(out, bytes, from, '-')),
  time: (out, bytes, from) => quote(out, () => writeOldTime(out, bytes, from, true)),
  datetime: (out, bytes, from) => quote(out, () => writeOldDatetime(out, bytes, from)),
  timestamp: (out, bytes, from) => quote(out, () => writeTimestampAsUtc(out, bytes.readUInt32LE(from))),
  json: jsonLiteral,
  geometry: hexLiteral,
  vector: hexLiteral,
};

function temporalLiteral(kind: 'time2' | 'datetime2' | 'timestamp2', fsp: number): ValueWriter {
  const write = { time2: writeTime2, datetime2: writeDatetime2, timestamp2: writeTimestamp2AsUtc }[kind];
  return (out, bytes, from) => quote(out, () => write(out, bytes, from, fsp));
}

/** The year 0000 is a zero byte. */
function yearOf(stored: number): number {
  return stored === 0 ? 0 : 1900 + stored;
}

function intLiteral(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean): ValueWriter {
  if (bytes === 8) {
    return (out, source, from) =>
      void out.big(unsigned ? source.readBigUInt64LE(from) : source.readBigInt64LE(from));
  }
  return (out, source, from) =>
    void out.int(unsigned ? source.readUIntLE(from, bytes) : source.readIntLE(from, bytes));
}

function bitLiteral(bits: number): ValueWriter {
  return (out, bytes, from, to) => {
    const value = BigInt(`0x${bytes.toString('hex', from, to)}`);
    out.ascii(`b'${value.toString(2).padStart(bits, '0').slice(-bits)}'`);
  };
}

/** By name where the names are known and not empty; the number 0 is the error value, which has no name of its own. */
function enumLiteral(bytes: number, { members, charset }: ColumnMeaning): ValueWriter {
  return (out, source, from) => {
    const index = source.readUIntLE(from, bytes);
    const member = members?.[index - 1];
    if (member === undefined || member.length === 0) out.int(index);
    else writeText(out, member, 0, member.length, charset);
  };
}

function setLiteral(bytes: number, { members, charset }: ColumnMeaning): ValueWriter {
  return (out, source, from, to) => {
    const bits = BigInt(`0x${Buffer.from(source.subarray(from, to)).reverse().toString('hex')}`);
    const names = members?.filter((_, i) => ((bits >> BigInt(i)) & 1n) === 1n);
    if (names === undefined || names.length === 0 || charset === undefined || !isAsciiCompatible(charset))
      out.big(bits);
    else {
      const joined = Buffer.concat(names.flatMap((name, i) => (i === 0 ? [name] : [comma, name])));
      writeText(out, joined, 0, joined.length, charset);
    }
  };
}

const comma = Buffer.from(',', 'latin1');

function textLiteral(charset: string | undefined): ValueWriter {
  if (charset === 'binary') return hexLiteral;
  return (out, bytes, from, to) => writeText(out, bytes, from, to, charset);
}

/**
 * Readable where that is exact: UTF-8 for the Unicode sets, ASCII for those that contain it; else hexadecimal with the set's name. The
 * set of a column that the log does not tell (servers before 8.0) is taken for one that contains ASCII; its other values stay bytes.
 */
function writeText(
  out: TextBuffer,
  bytes: Buffer,
  from: number,
  to: number,
  charset: string | undefined,
): void {
  const isUnicode = charset === 'utf8mb4' || charset === 'utf8mb3';
  const plainness = plainnessOf(bytes, from, to);
  const readable = isUnicode
    ? plainness !== 'control' && isUtf8(bytes.subarray(from, to))
    : plainness === 'ascii' && (charset === undefined || isAsciiCompatible(charset));
  if (readable) out.sqlString(bytes, from, to);
  else hexLiteral(charset === undefined ? out : out.ascii(`_${charset} `), bytes, from, to);
}

/** `ascii`: printable and the same in all ASCII-like sets, which backslash and tilde are not; `control`: not fit for a terminal. */
function plainnessOf(bytes: Buffer, from: number, to: number): 'ascii' | 'escaped' | 'control' {
  let result: 'ascii' | 'escaped' = 'ascii';
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x20 && byte < 0x7e && byte !== 0x5c) continue;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return 'control';
    if (byte === 0x7f) return 'control';
    result = 'escaped';
  }
  return result;
}

function hexLiteral(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  out.ascii("X'").hex(bytes, from, to).ascii("'");
}

/** The zeros at the end of a BINARY value are not logged, and count when it is compared. */
function binaryLiteral(padTo: number): ValueWriter {
  return (out, bytes, from, to) => {
    out.ascii("X'").hex(bytes, from, to);
    for (let size = to - from; size < padTo; size++) out.ascii('00');
    out.ascii("'");
  };
}

/** Bytes that are no document (see `values-text.ts`) become the JSON null with a remark: there is nothing that MySQL would take. */
function jsonLiteral(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  const start = out.length;
  try {
    writeJsonLiteral(out, bytes, from, to);
  } catch (error) {
    if (!hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED')) throw error;
    out.truncate(start);
    out.ascii("CAST('null' AS JSON) /* the log holds bytes that are no JSON document */");
  }
}

function quote(out: TextBuffer, write: () => void): void {
  out.byte(0x27);
  write();
  out.byte(0x27);
}
