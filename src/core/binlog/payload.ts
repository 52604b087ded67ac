import { Buffer } from 'node:buffer';
import { DcmhaError } from '../model/errors.ts';
import { corrupt, corruptAt, locating, unsupported, type BinlogPosition } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { EVENT_HEADER_SIZE, type BinlogEvent } from './event.ts';
import { EventScanner } from './event-scanner.ts';
import type { FormatDescription } from './format-description.ts';

/** One zstd stream that is being unpacked. Throws (anything) when it is damaged; disposing it gives its memory back. */
export interface Unpacking extends Disposable {
  /** What these bytes, the next of the stream, unpack to, in pieces; to be iterated to its end before the next push. */
  push(packed: Buffer): Iterable<Uint8Array>;
  /** The rest, when all bytes were pushed. */
  end(): Iterable<Uint8Array>;
}

/** Begins to unpack a stream: bytes go in and come out in pieces, so that a big one need not be in memory at once. */
export type Decompress = (sizes: PayloadSizes) => Unpacking;

export interface PayloadSizes {
  readonly packedBytes: number;
  /** What it should unpack to. */
  readonly sizeBytes: number;
}

/** What precedes the data of a `Transaction_payload_event`: all events of a transaction but its GTID event, in one. */
export interface PayloadHead extends PayloadSizes {
  readonly compression: 'zstd' | 'none';
  /** Where in the body the data begins. */
  readonly dataAt: number;
}

const Field = { End: 0, PackedSize: 1, Compression: 2, Size: 3 } as const;
const ZSTD = 0;
const NONE = 255;
// More than a server can make: binlog_cache_size is capped at 4 GiB, and 1 GiB is the most that a replica takes.
const MAX_SIZE = 2 ** 32;
/** Three numbers and their tags, several times over. */
const HEAD_BYTES = 256;

/** `start`: the beginning of the body, `HEAD_BYTES` or all of it. `bodyBytes`: its whole size, without the checksum. */
export function parsePayloadHead(start: Buffer, bodyBytes = start.length): PayloadHead {
  const cursor = new Cursor(start);
  const fields = new Map<number, number>();
  for (let field = cursor.lenenc(); field !== Field.End; field = cursor.lenenc()) {
    fields.set(field, cursor.sub(cursor.lenenc()).lenenc());
  }
  const dataAt = cursor.position;
  const packedBytes = fields.get(Field.PackedSize) ?? bodyBytes - dataAt;
  if (packedBytes > bodyBytes - dataAt) throw corrupt(`a payload of ${packedBytes} bytes in ${bodyBytes}`);
  const compression = compressionOf(fields.get(Field.Compression));
  const sizeBytes = compression === 'none' ? packedBytes : (fields.get(Field.Size) ?? 0);
  if (sizeBytes > MAX_SIZE) throw corrupt(`a compressed transaction of ${sizeBytes} bytes`);
  return { compression, sizeBytes, packedBytes, dataAt };
}

function compressionOf(type: number | undefined): PayloadHead['compression'] {
  if (type === ZSTD) return 'zstd';
  if (type === NONE) return 'none';
  throw unsupported(`transaction compression ${type ?? 'not named'}`);
}

export interface UnpackOptions {
  readonly file: string;
  readonly format: FormatDescription;
  readonly decompress: Decompress;
}

/** The events inside a payload event that is in memory. They have no checksums of their own, and the payload's offset. */
export function* unpackPayload(payload: BinlogEvent, options: UnpackOptions): Generator<BinlogEvent, void> {
  const { offset, body } = payload;
  using unpacker = new PayloadUnpacker({ offset, bodyBytes: body.length }, options);
  yield* unpacker.push(body);
  yield* unpacker.end();
}

/** Where a payload event is, and the size of its body without the checksum. */
export interface PayloadPlace {
  readonly offset: number;
  readonly bodyBytes: number;
}

/** The events inside a payload event whose body comes in pieces. Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED with the event's place. */
export class PayloadUnpacker implements Disposable {
  readonly #at: BinlogPosition;
  readonly #bodyBytes: number;
  readonly #decompress: Decompress;
  readonly #scanner: EventScanner;
  #start = Buffer.alloc(0);
  #head: PayloadHead | undefined;
  #unpacking: Unpacking | undefined;
  #packedLeft = 0;
  #left = 0;

  constructor({ offset, bodyBytes }: PayloadPlace, { file, format, decompress }: UnpackOptions) {
    this.#at = { file, position: offset };
    this.#bodyBytes = bodyBytes;
    this.#decompress = decompress;
    // Their positions are not those of this file; a relay log's are not checked either. The start must only not be 0, where a magic is.
    const inside = { ...format, checksum: 'none', isRelayLog: true } as const;
    this.#scanner = new EventScanner({ file, start: offset, format: inside });
  }

  /** The next bytes of the body; what comes behind it (the checksum) is left alone. */
  *push(piece: Buffer): Generator<BinlogEvent, void> {
    if (this.#head !== undefined) {
      yield* this.#data(piece);
      return;
    }
    this.#start = Buffer.concat([this.#start, piece]);
    if (this.#start.length >= Math.min(HEAD_BYTES, this.#bodyBytes)) yield* this.#begin();
  }

  /** To be asked when all was pushed. */
  *end(): Generator<BinlogEvent, void> {
    if (this.#head === undefined) yield* this.#begin();
    const unpacking = this.#unpacking;
    if (unpacking !== undefined) yield* this.#events(() => unpacking.end());
    if (this.#left > 0 || this.#packedLeft > 0 || this.#scanner.end().torn !== undefined)
      throw corruptAt(this.#at, 'a compressed transaction is cut short');
  }

  [Symbol.dispose](): void {
    this.#unpacking?.[Symbol.dispose]();
  }

  *#begin(): Generator<BinlogEvent, void> {
    const start = this.#start;
    const head = locating(this.#at, () => parsePayloadHead(start, this.#bodyBytes));
    this.#head = head;
    this.#start = Buffer.alloc(0);
    this.#packedLeft = head.packedBytes;
    this.#left = head.sizeBytes;
    if (head.compression === 'zstd') this.#unpacking = this.#decompress(head);
    yield* this.#data(start.subarray(head.dataAt));
  }

  *#data(piece: Buffer): Generator<BinlogEvent, void> {
    const packed = piece.subarray(0, this.#packedLeft);
    this.#packedLeft -= packed.length;
    yield* this.#events(() => this.#unpacking?.push(packed) ?? [packed]);
  }

  *#events(unpack: () => Iterable<Uint8Array>): Generator<BinlogEvent, void> {
    const { position } = this.#at;
    try {
      for (const piece of unpack()) {
        this.#left -= piece.length;
        if (this.#left < 0) throw corruptAt(this.#at, 'a compressed transaction is longer than it says');
        for (const { header, raw } of this.#scanner.push(asBuffer(piece))) {
          yield { header, offset: position, raw, body: raw.subarray(EVENT_HEADER_SIZE) };
        }
      }
    } catch (error) {
      if (error instanceof DcmhaError) throw error;
      throw corruptAt(this.#at, 'a compressed transaction cannot be unpacked', error);
    }
  }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
