import { corrupt } from './binlog-errors.ts';
import { writeDecimal } from './decimal.ts';
import type { JsonContainer, JsonVisitor } from './json.ts';
import { jsonType, jsonTypeOf, visitJson } from './json.ts';
import { writePackedDate, writePackedDatetime, writePackedTime } from './temporal.ts';
import type { TextBuffer } from './text.ts';
import { formatShortest } from './values-float.ts';
import { columnKind, columnType, columnWidth } from './values-kind.ts';

const doubleQuote = 0x22;

/**
 * Writes the text that the server prints for a JSON document. A document that is a single string is written without its quotes, as
 * mysqlbinlog does.
 * @throws BINLOG_CORRUPT
 */
export function writeJsonText(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  const bare = isQuotedScalar(jsonTypeOf(bytes, from, to));
  visitJson(bytes, from, to, jsonTextWriter(out, bare));
}

/** Writes JSON text that reads back as the same document, but for values that JSON text has no type for. */
export function writeQuotedJsonText(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  visitJson(bytes, from, to, jsonTextWriter(out, false));
}

function isQuotedScalar(type: number): boolean {
  return type === jsonType.string || type === jsonType.opaque;
}

function jsonTextWriter(out: TextBuffer, bare: boolean): JsonVisitor {
  return {
    begin: (container) => void out.byte(brackets[container].open),
    next: () => void out.ascii(', '),
    key: (bytes, from, to) => void writeJsonString(out, bytes, from, to).ascii(': '),
    end: (container) => void out.byte(brackets[container].close),
    literal: (value) => void out.ascii(String(value)),
    integer: (value) => {
      if (typeof value === 'bigint') out.big(value);
      else out.int(value);
    },
    double: (value) => void out.ascii(formatShortest(value)),
    string: (bytes, from, to) => {
      if (bare) out.raw(bytes, from, to);
      else writeJsonString(out, bytes, from, to);
    },
    opaque: (type, bytes, from, to) => {
      const quoted = !bare && type !== columnType.newdecimal;
      if (quoted) out.byte(doubleQuote);
      writeOpaque(out, { type, bytes, from, to }, bare);
      if (quoted) out.byte(doubleQuote);
    },
  };
}

const brackets: Readonly<Record<JsonContainer, { open: number; close: number }>> = {
  object: { open: 0x7b, close: 0x7d },
  array: { open: 0x5b, close: 0x5d },
};

interface OpaqueValue {
  readonly type: number;
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

function writeOpaque(out: TextBuffer, value: OpaqueValue, bare: boolean): void {
  const { type, bytes, from, to } = value;
  checkOpaque(type, bytes, from, to);
  switch (type) {
    case columnType.newdecimal:
      writeOpaqueDecimal(out, bytes, from);
      return;
    case columnType.date:
    case columnType.newdate:
      writePackedDate(out, bytes, from);
      return;
    case columnType.time:
      writePackedTime(out, bytes, from);
      return;
    case columnType.datetime:
    case columnType.timestamp:
      writePackedDatetime(out, bytes, from);
      return;
    default:
      writeBase64(out.ascii(`base64:type${type}:`), bytes.subarray(from, to), bare);
  }
}

/** @throws BINLOG_CORRUPT when a value is shorter than its type says */
export function checkOpaque(type: number, bytes: Buffer, from: number, to: number): void {
  const needed = opaqueBytes(type, bytes, from, to);
  if (to - from >= needed) return;
  throw corrupt(`JSON document: a value of column type ${type} has ${to - from} bytes, needs ${needed}`);
}

function opaqueBytes(type: number, bytes: Buffer, from: number, to: number): number {
  if (type === columnType.newdecimal) {
    if (to - from < 2) return 2;
    return 2 + columnWidth(columnKind(type, bytes.readUInt16BE(from)));
  }
  return temporalTypes.has(type) ? 8 : 0;
}

const temporalTypes = new Set<number>([
  columnType.date,
  columnType.newdate,
  columnType.time,
  columnType.datetime,
  columnType.timestamp,
]);

/** Two bytes of precision and scale, then the digits. */
export function writeOpaqueDecimal(out: TextBuffer, bytes: Buffer, from: number): void {
  writeDecimal(out, bytes, from + 2, { precision: bytes.readUInt8(from), scale: bytes.readUInt8(from + 1) });
}

/** The server breaks base64 text into lines of 76 characters, and escapes the breaks where the text is quoted. */
function writeBase64(out: TextBuffer, data: Buffer, bare: boolean): void {
  const text = data.toString('base64');
  for (let at = 0; at < text.length; at += 76) {
    if (at > 0) out.ascii(bare ? '\n' : '\\n');
    out.ascii(text.slice(at, at + 76));
  }
}

/** A string in double quotes with JSON's escapes. */
export function writeJsonString(out: TextBuffer, bytes: Buffer, from: number, to: number): TextBuffer {
  out.byte(doubleQuote);
  let plain = from;
  for (let at = from; at < to; at++) {
    const escape = escapeOf(bytes[at] ?? 0);
    if (escape === undefined) continue;
    out.raw(bytes, plain, at).ascii(escape);
    plain = at + 1;
  }
  return out.raw(bytes, plain, to).byte(doubleQuote);
}

const escapes: Readonly<Record<number, string>> = {
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
};

function escapeOf(byte: number): string | undefined {
  if (byte >= 0x20 && byte !== doubleQuote && byte !== 0x5c) return undefined;
  return escapes[byte] ?? `\\u00${byte.toString(16).padStart(2, '0')}`;
}
