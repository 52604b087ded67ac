import { DcmhaError } from '../model/errors.ts';
import { MAX_TRANSACTION_NUMBER } from './gtid.ts';
import type { Interval } from './intervals.ts';

/** Numbers of one source: `uuid` or `uuid:tag`, lower case. */
export interface GtidRange extends Interval {
  readonly source: string;
}

const DASHED = /([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})/iy;
const PLAIN = /([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})/iy;
const BRACED = /\{([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}/iy;
const TAG = /[a-z_][a-z0-9_]*/iy;
const NUMBER = /[0-9]+/y;
const SPACE = /[ \t\r\n\f\v]*/y;
const MAX_TAG_LENGTH = 32;

/**
 * Reads a GTID set as MySQL 9.7's `GTID_SUBTRACT` does (mysql::gtids, text format): white space between any two tokens, empty items
 * between commas, reversed ranges (`8-7`) and sources without numbers are all accepted and add nothing.
 * Yields ranges in the order of the text. Throws GTID_MALFORMED with the offset.
 */
export function* scanGtidSet(text: string): Generator<GtidRange> {
  const scanner = new Scanner(text);
  for (;;) {
    while (scanner.take(','));
    if (scanner.atEnd()) return;
    yield* scanItem(scanner);
    if (!scanner.atEnd() && !scanner.take(',')) throw scanner.malformed('expected ","');
  }
}

function* scanItem(scanner: Scanner): Generator<GtidRange> {
  const uuid = scanner.uuid();
  let source = uuid;
  while (scanner.take(':')) {
    const tag = scanner.tag();
    if (tag === undefined) yield { source, ...scanner.interval() };
    else source = `${uuid}:${tag}`;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#text.length;
  }

  take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  uuid(): string {
    const match = this.#match(DASHED) ?? this.#match(BRACED) ?? this.#match(PLAIN);
    if (match === null) throw this.malformed('expected a UUID');
    return match.slice(1).join('-').toLowerCase();
  }

  tag(): string | undefined {
    this.#skipSpace();
    const start = this.#at;
    const tag = this.#match(TAG)?.[0];
    if (tag !== undefined && tag.length > MAX_TAG_LENGTH) {
      this.#at = start;
      throw this.malformed(`a tag has at most ${MAX_TAG_LENGTH} characters`);
    }
    return tag?.toLowerCase();
  }

  interval(): Interval {
    const start = this.#number();
    return { start, end: this.take('-') ? this.#number() : start };
  }

  malformed(what: string): DcmhaError {
    const near = JSON.stringify(this.#text.slice(this.#at, this.#at + 40));
    return new DcmhaError(
      'GTID_MALFORMED',
      `malformed GTID set: ${what} at offset ${this.#at}, found ${near}`,
      {
        details: { offset: this.#at },
      },
    );
  }

  #number(): bigint {
    this.#skipSpace();
    const start = this.#at;
    const digits = this.#match(NUMBER)?.[0];
    if (digits === undefined) throw this.malformed('expected a number');
    // Leading zeros aside, more than 19 digits is out of range; BigInt of a very long text would be slow.
    const significant = digits.replace(/^0+/, '');
    const number = significant.length > 19 ? 0n : BigInt(significant);
    if (number >= 1n && number <= MAX_TRANSACTION_NUMBER) return number;
    this.#at = start;
    throw this.malformed('number out of range');
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
  }
}
