import { corrupt } from './binlog-errors.ts';

/**
 * Reads little-endian numbers and the packed forms of binlog events one after the other. Each read checks its bounds and throws
 * BINLOG_CORRUPT past the end. Slices share memory with the bytes given: copy what must outlive them.
 */
export class Cursor {
  readonly bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.#at = at;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  skip(length: number): void {
    this.#advance(length);
  }

  take(length: number): Buffer {
    const start = this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  rest(): Buffer {
    return this.take(this.remaining);
  }

  /** A cursor over the next `length` bytes only. */
  sub(length: number): Cursor {
    return new Cursor(this.take(length));
  }

  u8(): number {
    return this.bytes.readUInt8(this.#advance(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.#advance(2));
  }

  u24(): number {
    return this.bytes.readUIntLE(this.#advance(3), 3);
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#advance(4));
  }

  u48(): number {
    return this.bytes.readUIntLE(this.#advance(6), 6);
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.#advance(8));
  }

  i64(): bigint {
    return this.bytes.readBigInt64LE(this.#advance(8));
  }

  /** `net_field_length_ll`: a number of 1, 3, 4 or 9 bytes. 251 stands for SQL NULL elsewhere and is damage here, 255 always is. */
  lenencBig(): bigint {
    const first = this.u8();
    if (first < 251) return BigInt(first);
    if (first === 252) return BigInt(this.u16());
    if (first === 253) return BigInt(this.u24());
    if (first === 254) return this.u64();
    throw corrupt(`${first} does not begin a packed number`);
  }

  /** A packed number that counts bytes or things, so it fits a double or is damage. */
  lenenc(): number {
    const value = this.lenencBig();
    if (value > 0xffff_ffff_ffffn) throw corrupt(`packed number ${value.toString()} is out of range`);
    return Number(value);
  }

  /** Bytes behind their packed length. */
  lenencBytes(): Buffer {
    return this.take(this.lenenc());
  }

  #advance(length: number): number {
    const start = this.#at;
    if (length < 0 || length > this.bytes.length - start) {
      throw corrupt(`needs ${length} bytes, has ${this.bytes.length - start}`);
    }
    this.#at = start + length;
    return start;
  }
}
