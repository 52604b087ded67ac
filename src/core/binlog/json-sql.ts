import { visitJson, type JsonContainer, type JsonVisitor } from './json.ts';
import { checkOpaque, writeOpaqueDecimal, writeQuotedJsonText } from './json-text.ts';
import { writePackedDate, writePackedDatetime, writePackedTime } from './temporal.ts';
import { TextBuffer } from './text.ts';
import { doubleLiteral } from './values-float.ts';
import { columnType } from './values-kind.ts';

/**
 * Writes a document as an SQL expression: `CAST('...' AS JSON)`, or JSON_OBJECT and JSON_ARRAY calls where it holds times, decimals or
 * binary strings, which JSON text has no types for. (Binary strings of BIT, BLOB and other columns come back as VARBINARY.)
 * @throws BINLOG_CORRUPT
 */
export function writeJsonLiteral(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  if (holdsOpaque(bytes, from, to)) {
    writeConstructors(out, bytes, from, to);
    return;
  }
  const text = new TextBuffer(to - from + 64);
  writeQuotedJsonText(text, bytes, from, to);
  out.ascii('CAST(').sqlString(text.view(), 0, text.length).ascii(' AS JSON)');
}

function holdsOpaque(bytes: Buffer, from: number, to: number): boolean {
  let found = false;
  const ignore = (): void => undefined;
  const opaque = (): void => {
    found = true;
  };
  visitJson(bytes, from, to, {
    begin: ignore,
    next: ignore,
    key: ignore,
    end: ignore,
    literal: ignore,
    integer: ignore,
    double: ignore,
    string: ignore,
    opaque,
  });
  return found;
}

function writeConstructors(out: TextBuffer, bytes: Buffer, from: number, to: number): void {
  let depth = 0;
  const text = (value: string): void => void out.ascii(value);
  const visitor: JsonVisitor = {
    begin: (container) => {
      depth++;
      text(constructors[container]);
    },
    next: () => text(', '),
    key: (source, start, end) => void out.sqlString(source, start, end).ascii(', '),
    end: () => {
      depth--;
      text(')');
    },
    literal: (value) => text(String(value)),
    integer: (value) => text(value.toString()),
    double: (value) => text(doubleLiteral(value)),
    string: (source, start, end) => void out.sqlString(source, start, end),
    opaque: (type, source, start, end) => {
      // Outside of a constructor a value needs a cast to become a document.
      if (depth === 0) text('CAST(');
      writeOpaque(out, { type, source, start, end });
      if (depth === 0) text(' AS JSON)');
    },
  };
  visitJson(bytes, from, to, visitor);
}

const constructors: Readonly<Record<JsonContainer, string>> = {
  object: 'JSON_OBJECT(',
  array: 'JSON_ARRAY(',
};

interface OpaqueValue {
  readonly type: number;
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
}

function writeOpaque(out: TextBuffer, value: OpaqueValue): void {
  const { type, source, start, end } = value;
  checkOpaque(type, source, start, end);
  switch (type) {
    case columnType.newdecimal:
      writeOpaqueDecimal(out, source, start);
      return;
    case columnType.date:
    case columnType.newdate:
      writePackedDate(out.ascii("CAST('"), source, start);
      out.ascii("' AS DATE)");
      return;
    case columnType.time:
      writePackedTime(out.ascii("CAST('"), source, start);
      out.ascii("' AS TIME(6))");
      return;
    case columnType.datetime:
    case columnType.timestamp:
      writePackedDatetime(out.ascii("CAST('"), source, start);
      out.ascii("' AS DATETIME(6))");
      return;
    default:
      out.ascii("CAST(X'").hex(source, start, end).ascii("' AS BINARY)");
  }
}
