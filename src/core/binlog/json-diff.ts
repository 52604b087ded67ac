import { corrupt } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { isContainer, jsonType, jsonTypeOf, opaqueTypeOf } from './json.ts';
import { writeJsonText } from './json-text.ts';
import { TextBuffer } from './text.ts';
import { columnType } from './values-kind.ts';

/** One change of a partial JSON update (mysql-server: json_diff.h). Paths and documents share memory with the event. */
export type JsonDiff =
  | { readonly operation: 'replace' | 'insert'; readonly path: Buffer; readonly value: Buffer }
  | { readonly operation: 'remove'; readonly path: Buffer };

/**
 * The changes of one column, in the order in which they apply.
 * @throws BINLOG_CORRUPT
 */
export function readJsonDiffs(bytes: Buffer): JsonDiff[] {
  const cursor = new Cursor(bytes);
  const diffs: JsonDiff[] = [];
  while (cursor.remaining > 0) diffs.push(readJsonDiff(cursor));
  return diffs;
}

function readJsonDiff(cursor: Cursor): JsonDiff {
  const operation = cursor.u8();
  const path = cursor.lenencBytes();
  if (operation === 2) return { operation: 'remove', path };
  if (operation > 2) throw corrupt(`partial JSON update: operation ${operation} is not known`);
  return { operation: operation === 0 ? 'replace' : 'insert', path, value: cursor.lenencBytes() };
}

export interface DiffStyle {
  /** The column as the functions name it. */
  readonly column: string;
  /** What parts the functions and their arguments when there are several. */
  readonly line: string;
  readonly path: (out: TextBuffer, path: Buffer) => void;
  readonly value: (out: TextBuffer, document: Buffer) => void;
}

/** Writes the changes as calls of JSON functions around the column, neighbours of one function in one call, as mysqlbinlog does. */
export function writeJsonDiffs(out: TextBuffer, diffs: readonly JsonDiff[], style: DiffStyle): void {
  const names = diffs.map(functionName);
  let opened = false;
  for (let i = names.length - 1; i >= 0; i--) {
    if (names[i] === names[i - 1]) continue;
    if (opened) out.ascii(style.line);
    out.ascii(names[i] ?? '').ascii('(');
    opened = true;
  }
  out.utf8(style.column);
  if (diffs.length > 0) out.ascii(', ');
  diffs.forEach((diff, i) => {
    style.path(out, diff.path);
    if (diff.operation !== 'remove') style.value(out.ascii(', '), diff.value);
    if (names[i] !== names[i + 1]) out.ascii(')');
    if (i < diffs.length - 1) out.ascii(',').ascii(style.line);
  });
}

/** mysqlbinlog's form of a new value: numbers and literals bare, strings in quotes, the rest as a cast. */
export function writeDiffValue(out: TextBuffer, document: Buffer): void {
  const text = new TextBuffer(256);
  writeJsonText(text, document, 0, document.length);
  const type = jsonTypeOf(document, 0, document.length);
  if (isContainer(type)) out.ascii('CAST(').quoted(text.view(), 0, text.length).ascii(' AS JSON)');
  else if (isBare(type, document)) out.raw(text.view());
  else out.quoted(text.view(), 0, text.length);
}

function isBare(type: number, document: Buffer): boolean {
  if (type === jsonType.opaque) return opaqueTypeOf(document, 0) === columnType.newdecimal;
  return type !== jsonType.string;
}

/** An insert whose path ends in an array cell shifts the cells behind it; that is another function. */
function functionName(diff: JsonDiff): string {
  switch (diff.operation) {
    case 'replace':
      return 'JSON_REPLACE';
    case 'remove':
      return 'JSON_REMOVE';
    case 'insert':
      return diff.path.at(-1) === 0x5d ? 'JSON_ARRAY_INSERT' : 'JSON_INSERT';
  }
}
