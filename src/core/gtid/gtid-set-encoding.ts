import { DcmhaError } from '../model/errors.ts';
import { formatUuid, MAX_TRANSACTION_NUMBER } from './gtid.ts';
import { GtidSet } from './gtid-set.ts';
import type { GtidRange } from './parse-gtid-set.ts';

const UUID_BYTES = 16;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;

/**
 * The bytes of a set in PREVIOUS_GTIDS_LOG_EVENT and COM_BINLOG_DUMP_GTID (`Gtid_set::encode`): the tagged form only when a
 * tag is in it, because servers before 8.3 do not know that form.
 */
export function encodeGtidSet(set: GtidSet): Buffer {
  const sources = [...set.sources()];
  const tagged = sources.some(({ tag }) => tag !== '');
  const parts: Buffer[] = [tagged ? taggedHeader(sources.length) : number64(BigInt(sources.length))];
  for (const { uuid, tag, intervals } of sources) {
    parts.push(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
    // The length is a varint of mysql::serialization; 32 at most, so one byte: length << 1.
    if (tagged) parts.push(Buffer.from([tag.length << 1]), Buffer.from(tag, 'latin1'));
    parts.push(number64(BigInt(intervals.length)));
    for (const { start, end } of intervals) parts.push(number64(start), number64(end + 1n));
  }
  return Buffer.concat(parts);
}

/** Reads both forms. Throws GTID_MALFORMED with the offset; bytes after the set are an error as well. */
export function decodeGtidSet(bytes: Buffer): GtidSet {
  const reader = new BlockReader(bytes);
  const header = reader.number64();
  // Format 0 counts in all 8 bytes; format 1 has its number in the first and last byte and counts in the 6 between.
  const tagged = header >> 56n === 1n;
  if (!tagged && header >> 48n !== 0n) throw reader.malformed('unknown format');
  if (tagged && (header & 0xffn) !== 1n) throw reader.malformed('unknown format');
  const count = tagged ? (header >> 8n) & 0xffffffffffffn : header;
  return GtidSet.fromRanges(ranges(reader, count, tagged));
}

function* ranges(reader: BlockReader, count: bigint, tagged: boolean): Generator<GtidRange> {
  for (let i = 0n; i < count; i++) {
    const uuid = formatUuid(reader.take(UUID_BYTES));
    const tag = tagged ? reader.tag() : '';
    const source = tag === '' ? uuid : `${uuid}:${tag}`;
    const intervals = reader.number64();
    for (let n = 0n; n < intervals; n++) {
      const start = reader.number64();
      const end = reader.number64() - 1n;
      if (start < 1n || start > end || end > MAX_TRANSACTION_NUMBER) throw reader.malformed('bad interval');
      yield { source, start, end };
    }
  }
  if (!reader.atEnd()) throw reader.malformed('bytes after the set');
}

class BlockReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw this.malformed('ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number64(): bigint {
    return this.take(8).readBigUInt64LE();
  }

  tag(): string {
    const length = this.take(1).readUInt8();
    const tag = this.take(length >> 1).toString('latin1');
    if ((length & 1) !== 0 || (tag !== '' && !TAG.test(tag))) throw this.malformed('bad tag');
    return tag;
  }

  malformed(what: string): DcmhaError {
    return new DcmhaError('GTID_MALFORMED', `malformed encoded GTID set: ${what} at offset ${this.#at}`, {
      details: { offset: this.#at },
    });
  }
}

function number64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function taggedHeader(count: number): Buffer {
  return number64((1n << 56n) | (BigInt(count) << 8n) | 1n);
}
