/** Longest decimal text of a 64-bit number with sign; every number written here fits. */
const numberBytes = 24;

const zero = 0x30;
const minus = 0x2d;
const quote = 0x27;
const backslash = 0x5c;
const hexDigits = Buffer.from('0123456789abcdef', 'latin1');
const upperHexDigits = Buffer.from('0123456789ABCDEF', 'latin1');

/** What a byte becomes inside the quotes that mysqlbinlog prints: 0 itself, 1 `\xNN`, else a backslash and this byte. */
const escapes = buildEscapes();

const sqlEscapes: ReadonlyMap<number, string> = new Map([
  [0x00, '\\0'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x1a, '\\Z'],
  [quote, "''"],
  [backslash, '\\\\'],
]);

/** A shorter run is copied byte by byte; that is faster than a call into native code. */
const nativeCopyFrom = 48;

/** Room for the worst case (four bytes for one) is reserved for this much at a time, not for a whole blob. */
const escapeAtOnce = 16 * 1024;

/**
 * A growing buffer that text is written into. Binlog values are bytes of unknown character sets, so their text is bytes, too; and
 * writing digits in place is several times faster than joining strings.
 */
export class TextBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(initialBytes = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafe(Math.max(initialBytes, numberBytes));
  }

  get length(): number {
    return this.#length;
  }

  /** What is written so far, without a copy: gone at the next write. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy of what is written so far; the buffer is empty afterwards. */
  take(): Buffer {
    const copy = Buffer.from(this.view());
    this.#length = 0;
    return copy;
  }

  /** Forgets what was written after `length`. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  toString(): string {
    return this.view().toString('utf8');
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Latin-1 text; meant for the short fixed parts of statements. */
  ascii(text: string): this {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
    return this;
  }

  utf8(text: string): this {
    const size = Buffer.byteLength(text, 'utf8');
    this.#reserve(size);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
    return this;
  }

  raw(source: Buffer, from = 0, to = source.length): this {
    const size = to - from;
    this.#reserve(size);
    if (size >= nativeCopyFrom) {
      source.copy(this.#bytes, this.#length, from, to);
      this.#length += size;
      return this;
    }
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = from; i < to; i++) bytes[at++] = source[i] ?? 0;
    this.#length = at;
    return this;
  }

  /** A safe integer in decimal. */
  int(value: number): this {
    this.#reserve(numberBytes);
    if (value < 0) {
      this.#bytes[this.#length++] = minus;
      value = -value;
    }
    // The low digits of a big number are split off so that the loop below stays in 32-bit arithmetic.
    if (value > 0x3fffffff) {
      const high = Math.floor(value / 1e9);
      this.#digits(value - high * 1e9, this.#leading(high));
      return this;
    }
    this.#digits(value, countDigits(value));
    return this;
  }

  /** A number below 10^9 with leading zeros. */
  padded(value: number, width: number): this {
    this.#reserve(numberBytes);
    this.#digits(value, Math.max(width, countDigits(value)));
    return this;
  }

  big(value: bigint): this {
    return this.ascii(value.toString());
  }

  hex(source: Buffer, from: number, to: number): this {
    this.#reserve(2 * (to - from));
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = from; i < to; i++) {
      const value = source[i] ?? 0;
      bytes[at++] = upperHexDigits[value >> 4] ?? 0;
      bytes[at++] = upperHexDigits[value & 15] ?? 0;
    }
    this.#length = at;
    return this;
  }

  /** The bytes in single quotes as mysqlbinlog writes them: control bytes as `\n` and the like or `\x01`, all else as it is. */
  quoted(source: Buffer, from: number, to: number): this {
    this.byte(quote);
    for (let at = from; at < to; at += escapeAtOnce)
      this.#escaped(source, at, Math.min(at + escapeAtOnce, to));
    return this.byte(quote);
  }

  /** The bytes as an SQL string in single quotes, for a session that knows backslash escapes. */
  sqlString(source: Buffer, from: number, to: number): this {
    this.byte(quote);
    let plain = from;
    for (let at = from; at < to; at++) {
      const escape = sqlEscapes.get(source[at] ?? 0);
      if (escape === undefined) continue;
      this.raw(source, plain, at).ascii(escape);
      plain = at + 1;
    }
    return this.raw(source, plain, to).byte(quote);
  }

  #escaped(source: Buffer, from: number, to: number): void {
    this.#reserve(4 * (to - from));
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = from; i < to; i++) {
      const value = source[i] ?? 0;
      const escape = escapes[value] ?? 0;
      if (escape === 0) {
        bytes[at++] = value;
        continue;
      }
      bytes[at++] = backslash;
      if (escape > 1) {
        bytes[at++] = escape;
        continue;
      }
      bytes[at++] = 0x78;
      bytes[at++] = hexDigits[value >> 4] ?? 0;
      bytes[at++] = hexDigits[value & 15] ?? 0;
    }
    this.#length = at;
  }

  #leading(high: number): number {
    this.int(high);
    return 9;
  }

  #digits(value: number, count: number): void {
    this.#reserve(count);
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = zero + rest - next * 10;
      rest = next;
    }
    this.#length += count;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function countDigits(value: number): number {
  let count = 1;
  for (let limit = 10; value >= limit; limit *= 10) count++;
  return count;
}

function buildEscapes(): Uint8Array {
  const table = new Uint8Array(256).fill(1, 0, 32);
  const named = { '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r', "'": "'", '\\': '\\' };
  for (const [char, letter] of Object.entries(named)) table[char.charCodeAt(0)] = letter.charCodeAt(0);
  return table;
}
