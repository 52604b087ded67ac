import { DcmhaError } from '../model/errors.ts';

/** What a literal can say; tuples become lists. */
export type PythonValue =
  string | number | boolean | null | readonly PythonValue[] | { readonly [key: string]: PythonValue };

const MAX_DEPTH = 32;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};
const WORDS = new Map<string, PythonValue>([
  ['True', true],
  ['False', false],
  ['None', null],
]);

/**
 * Reads what the first program wrote with Python's `repr` (and read with `eval`): dicts, lists, tuples, strings, numbers, True,
 * False, None. Nothing is evaluated. Throws `ZNODE_MALFORMED` with the offset.
 */
export function parsePythonLiteral(text: string): PythonValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.expectEnd();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): PythonValue {
    if (depth > MAX_DEPTH) this.#fail('nested too deeply');
    this.#skipSpace();
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#dict(depth);
      case '[':
        return this.#items(']', depth).items;
      case '(':
        return this.#tuple(depth);
      case "'":
      case '"':
        return this.#string();
      default:
        return /[A-Za-z_]/.test(this.#text.charAt(this.#at)) ? this.#word() : this.#number();
    }
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('unexpected text after the value');
  }

  #dict(depth: number): PythonValue {
    const entries: [string, PythonValue][] = [];
    this.#at += 1;
    while (!this.#take('}')) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') this.#fail('a key that is no string or number');
      if (!this.#take(':')) this.#fail("':' expected");
      entries.push([String(key), this.value(depth + 1)]);
      if (this.#take(',')) continue;
      if (this.#take('}')) break;
      this.#fail("',' or '}' expected");
    }
    return Object.fromEntries(entries);
  }

  /** `(1)` is a number in brackets; `(1,)` is a tuple. */
  #tuple(depth: number): PythonValue {
    const { items, commas } = this.#items(')', depth);
    const [only] = items;
    return items.length === 1 && commas === 0 && only !== undefined ? only : items;
  }

  #items(end: string, depth: number): { readonly items: readonly PythonValue[]; readonly commas: number } {
    const items: PythonValue[] = [];
    let commas = 0;
    this.#at += 1;
    while (!this.#take(end)) {
      items.push(this.value(depth + 1));
      if (this.#take(',')) {
        commas += 1;
        continue;
      }
      if (this.#take(end)) break;
      this.#fail(`',' or '${end}' expected`);
    }
    return { items, commas };
  }

  #string(): string {
    const quote = this.#text[this.#at];
    let value = '';
    for (this.#at += 1; ; this.#at += 1) {
      const char = this.#text[this.#at];
      if (char === undefined || char === '\n') this.#fail('a string without its end');
      if (char === quote) break;
      value += char === '\\' ? this.#escape() : char;
    }
    this.#at += 1;
    return value;
  }

  /** At the backslash; leaves the position at the escape's last character. */
  #escape(): string {
    this.#at += 1;
    const rest = this.#text.slice(this.#at, this.#at + 9);
    const code = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3}))/.exec(rest);
    if (code !== null) {
      const [all, ...digits] = code;
      const octal = digits[3];
      const point = octal === undefined ? parseInt(digits.find(Boolean) ?? '', 16) : parseInt(octal, 8);
      if (point > 0x10ffff) this.#fail('no such character');
      this.#at += all.length - 1;
      return String.fromCodePoint(point);
    }
    const simple = SIMPLE_ESCAPES[rest.charAt(0)];
    return simple ?? this.#fail('unknown escape');
  }

  /** True, False, None, or a string with a prefix (u'...' and b'...' of Python 2 and 3). */
  #word(): PythonValue {
    const name = /^\w+/.exec(this.#text.slice(this.#at, this.#at + 16))?.[0] ?? '';
    const word = WORDS.get(name);
    const next = this.#text[this.#at + name.length];
    if (word === undefined && /^[ub]$/i.test(name) && (next === "'" || next === '"')) {
      this.#at += 1;
      return this.#string();
    }
    if (word === undefined) this.#fail(`${name} is no literal`);
    this.#at += name.length;
    return word;
  }

  #number(): number {
    const match = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/.exec(
      this.#text.slice(this.#at, this.#at + 64),
    );
    const value = Number(match?.[0]);
    if (match === null || !Number.isFinite(value)) this.#fail('a value expected');
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) this.#fail('a number too large');
    this.#at += match[0].length;
    // The suffix of Python 2's long integers.
    if (Number.isInteger(value) && this.#text[this.#at] === 'L') this.#at += 1;
    return value;
  }

  #take(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (/^\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  #fail(why: string): never {
    throw new DcmhaError('ZNODE_MALFORMED', `not a literal: ${why} at offset ${this.#at}`, {
      details: { offset: this.#at },
    });
  }
}
