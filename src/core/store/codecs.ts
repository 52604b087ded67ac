import type { z } from 'zod';
import { DcmhaError, hasCode } from '../model/errors.ts';
import { parsePythonLiteral } from './python-literal.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const LONGEST_SHOWN = 60;
/** A list of strings; `[::1]:7072` is none. */
const PYTHON_LIST = /^\[\s*(?:[ub]?['"]|\])/i;

/** A znode's content as text. Throws `ZNODE_MALFORMED` naming the path when it is not UTF-8. */
export function decodeText(path: string, data: Buffer): string {
  try {
    return utf8.decode(data).trim();
  } catch (cause) {
    throw malformed(path, 'its bytes are not UTF-8', cause);
  }
}

/**
 * A znode's content by its schema: JSON as this program writes it, or the Python literal that the first program wrote.
 * Throws `ZNODE_MALFORMED` naming the path and what is wrong.
 */
export function decodeRecord<S extends z.ZodType>(schema: S, path: string, data: Buffer): z.output<S> {
  const text = decodeText(path, data);
  const known = knownBy(schema);
  const before = known.get(text);
  if (before !== undefined) return before;
  const parsed = schema.safeParse(parseValue(path, text));
  if (parsed.success) {
    if (known.size === MOST_KNOWN) known.clear();
    known.set(text, deepFrozen(parsed.data));
    return parsed.data;
  }
  const issues = parsed.error.issues.map(({ path: at, message }) =>
    at.length === 0 ? message : `${at.map(String).join('.')}: ${message}`,
  );
  throw malformed(path, issues.slice(0, 3).join('; '), parsed.error);
}

/** What texts meant by a schema: loops read the same few records again and again. Whoever reads one gets the same frozen value. */
const knownTexts = new WeakMap<z.ZodType, Map<string, unknown>>();
const MOST_KNOWN = 100;

function knownBy<S extends z.ZodType>(schema: S): Map<string, z.output<S>> {
  const known = knownTexts.get(schema) ?? new Map<string, unknown>();
  knownTexts.set(schema, known);
  return known as Map<string, z.output<S>>;
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) deepFrozen(part);
    Object.freeze(value);
  }
  return value;
}

/**
 * The text of a record that the first program reads too: JSON that is also a Python literal, hence without true, false and null
 * (say 1 and 0, or leave the key out). Keys with `undefined` are left out.
 */
export function encodeShared(record: object): string {
  assertShared(record);
  return JSON.stringify(record);
}

/** Looked at apart: `JSON.stringify` is several times slower when it asks a function about each value. */
function assertShared(record: object): void {
  for (const [key, value] of Object.entries(record) as [string, unknown][]) {
    if (value === null || typeof value === 'boolean') {
      throw new DcmhaError(
        'UNEXPECTED',
        `${key} of a shared record is ${String(value)}: Python cannot read that`,
      );
    }
    if (typeof value === 'object') assertShared(value);
  }
}

/** The text of a record that only this program reads. */
export function encodeOwn(record: object): string {
  return JSON.stringify(record);
}

/** The names of a list `a,b,c`; [] for an empty node. The first program's Python lists are read, too. */
export function decodeList(path: string, data: Buffer): readonly string[] {
  const text = decodeText(path, data);
  if (text === '') return [];
  if (!PYTHON_LIST.test(text)) return splitList(text);
  const value = parseValue(path, text);
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw malformed(path, 'it is not a list of names');
}

/** The parts of `a, b,c`, without empty ones. */
function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function malformed(path: string, why: string, cause?: unknown): DcmhaError {
  return new DcmhaError('ZNODE_MALFORMED', `the znode ${path} is malformed: ${why}`, {
    details: { path },
    cause,
  });
}

function parseValue(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: then it must be what the first program wrote.
  }
  try {
    return parsePythonLiteral(text);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
    throw malformed(path, `${JSON.stringify(shown)} is neither JSON nor a Python literal`, error);
  }
}
