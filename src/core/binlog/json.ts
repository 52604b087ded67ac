import { corrupt } from './binlog-errors.ts';

/** Receives the parts of a JSON document in order. Strings and opaque values are ranges of the document's own bytes. */
export interface JsonVisitor {
  begin(container: JsonContainer): void;
  /** Before each element but the first. */
  next(container: JsonContainer): void;
  key(bytes: Buffer, from: number, to: number): void;
  end(container: JsonContainer): void;
  literal(value: null | boolean): void;
  integer(value: number | bigint): void;
  double(value: number): void;
  string(bytes: Buffer, from: number, to: number): void;
  /** A value of a MySQL column type (`values-kind.ts`) that JSON text has no form for: times, decimals, blobs. */
  opaque(type: number, bytes: Buffer, from: number, to: number): void;
}

export type JsonContainer = 'object' | 'array';

/** Value types of MySQL's binary JSON (mysql-server: json_binary.cc, JSONB_TYPE_*). */
export const jsonType = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const;

/** mysql-server: JSON_DOCUMENT_MAX_DEPTH. */
const deepest = 100;

interface Document {
  readonly bytes: Buffer;
  readonly end: number;
  /** Values still allowed: each takes three bytes at least, so a document with shared or circular parts runs out. */
  left: number;
}

interface Container {
  readonly kind: JsonContainer;
  readonly start: number;
  readonly count: number;
  /** 2 in small containers, 4 in large ones. */
  readonly wide: 2 | 4;
}

/**
 * Walks a binary JSON document. An empty one is the JSON null, as the server reads it (INSERT IGNORE stores such values).
 * @throws BINLOG_CORRUPT when the bytes are no document
 */
export function visitJson(bytes: Buffer, from: number, to: number, visitor: JsonVisitor): void {
  if (from === to) {
    visitor.literal(null);
    return;
  }
  const document: Document = { bytes, end: to, left: to - from };
  visitValue(document, { type: bytes.readUInt8(from), at: from + 1, depth: 0 }, visitor);
}

/** The type of the document's outermost value. */
export function jsonTypeOf(bytes: Buffer, from: number, to: number): number {
  return from === to ? jsonType.literal : bytes.readUInt8(from);
}

export function isContainer(type: number): boolean {
  return type <= jsonType.largeArray;
}

/** The MySQL column type of an opaque document's value. */
export function opaqueTypeOf(bytes: Buffer, from: number): number {
  return bytes[from + 1] ?? 0;
}

interface Place {
  readonly type: number;
  readonly at: number;
  readonly depth: number;
}

function visitValue(document: Document, place: Place, visitor: JsonVisitor): void {
  if (--document.left < 0) throw damaged('it refers to its parts more than once', place.at);
  switch (place.type) {
    case jsonType.smallObject:
    case jsonType.largeObject:
      visitContainer(document, place, 'object', visitor);
      return;
    case jsonType.smallArray:
    case jsonType.largeArray:
      visitContainer(document, place, 'array', visitor);
      return;
    case jsonType.string: {
      const { start, end } = readRange(document, place.at);
      visitor.string(document.bytes, start, end);
      return;
    }
    case jsonType.opaque: {
      const { start, end } = readRange(document, need(document, place.at, 1) + 1);
      visitor.opaque(document.bytes.readUInt8(place.at), document.bytes, start, end);
      return;
    }
    default:
      visitNumber(document, place, visitor);
  }
}

function visitNumber(document: Document, place: Place, visitor: JsonVisitor): void {
  const { bytes } = document;
  switch (place.type) {
    case jsonType.literal:
      visitor.literal(literalOf(bytes[need(document, place.at, 1)] ?? 0, place.at));
      return;
    case jsonType.int16:
      visitor.integer(bytes.readInt16LE(need(document, place.at, 2)));
      return;
    case jsonType.uint16:
      visitor.integer(bytes.readUInt16LE(need(document, place.at, 2)));
      return;
    case jsonType.int32:
      visitor.integer(bytes.readInt32LE(need(document, place.at, 4)));
      return;
    case jsonType.uint32:
      visitor.integer(bytes.readUInt32LE(need(document, place.at, 4)));
      return;
    case jsonType.int64:
      visitor.integer(bytes.readBigInt64LE(need(document, place.at, 8)));
      return;
    case jsonType.uint64:
      visitor.integer(bytes.readBigUInt64LE(need(document, place.at, 8)));
      return;
    case jsonType.double:
      visitor.double(bytes.readDoubleLE(need(document, place.at, 8)));
      return;
    default:
      throw damaged(`value type ${place.type} is not known`, place.at);
  }
}

function visitContainer(document: Document, place: Place, kind: JsonContainer, visitor: JsonVisitor): void {
  if (place.depth >= deepest) throw damaged('it is nested deeper than the server allows', place.at);
  const wide = place.type === jsonType.smallObject || place.type === jsonType.smallArray ? 2 : 4;
  need(document, place.at, 2 * wide);
  const count = document.bytes.readUIntLE(place.at, wide);
  const container: Container = { kind, start: place.at, count, wide };
  const keys = kind === 'object' ? wide + 2 : 0;
  need(document, place.at, 2 * wide + count * (keys + 1 + wide));
  visitor.begin(kind);
  for (let i = 0; i < count; i++) {
    if (i > 0) visitor.next(kind);
    if (kind === 'object') visitKey(document, container, i, visitor);
    visitValue(document, elementPlace(document, container, i, place.depth), visitor);
  }
  visitor.end(kind);
}

function visitKey(document: Document, container: Container, index: number, visitor: JsonVisitor): void {
  const { start, wide } = container;
  const entry = start + 2 * wide + index * (wide + 2);
  const from = start + document.bytes.readUIntLE(entry, wide);
  const size = document.bytes.readUInt16LE(entry + wide);
  need(document, from, size);
  visitor.key(document.bytes, from, from + size);
}

/** Small values sit in the entry itself; all others at an offset from the container's start. */
function elementPlace(document: Document, container: Container, index: number, depth: number): Place {
  const { start, count, wide, kind } = container;
  const keys = kind === 'object' ? count * (wide + 2) : 0;
  const entry = start + 2 * wide + keys + index * (1 + wide);
  const type = document.bytes.readUInt8(entry);
  if (isInlined(type, wide)) return { type, at: entry + 1, depth: depth + 1 };
  return { type, at: start + document.bytes.readUIntLE(entry + 1, wide), depth: depth + 1 };
}

function isInlined(type: number, wide: 2 | 4): boolean {
  if (type === jsonType.literal || type === jsonType.int16 || type === jsonType.uint16) return true;
  return wide === 4 && (type === jsonType.int32 || type === jsonType.uint32);
}

function literalOf(value: number, at: number): null | boolean {
  if (value === 0) return null;
  if (value > 2) throw damaged(`literal ${value} is not known`, at);
  return value === 1;
}

/** A length of seven bits a byte, low ones first, and what it counts. */
function readRange(document: Document, at: number): { start: number; end: number } {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = document.bytes[need(document, at + i, 1)] ?? 0;
    size += (byte & 0x7f) * 128 ** i;
    if (byte >= 0x80) continue;
    const start = at + i + 1;
    need(document, start, size);
    return { start, end: start + size };
  }
  throw damaged('a length has more than five bytes', at);
}

function need(document: Document, at: number, size: number): number {
  if (at + size > document.end) throw damaged('it ends in the middle of a value', at);
  return at;
}

function damaged(what: string, at: number): Error {
  return corrupt(`JSON document: ${what}`, { at });
}
