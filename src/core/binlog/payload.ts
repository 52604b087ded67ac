import { Buffer } from 'node:buffer';
import { DcmhaError } from '../model/errors.ts';
import { corrupt, corruptAt, locating, unsupported } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { EVENT_HEADER_SIZE, type BinlogEvent } from './event.ts';
import { EventScanner } from './event-scanner.ts';
import type { FormatDescription } from './format-description.ts';

/**
 * Unpacks one zstd stream, in pieces, so that a big one need not be in memory at once. `sizeBytes` is what it should unpack to; more is never
 * asked for. Throws (anything) when the stream is damaged.
 */
export type Decompress = (packed: Buffer, sizeBytes: number) => Iterable<Uint8Array>;

/** `Transaction_payload_event`: all events of a transaction but its GTID event, in one. */
export interface TransactionPayload {
  readonly compression: 'zstd' | 'none';
  /** Of the events in it. */
  readonly sizeBytes: number;
  readonly packed: Buffer;
}

const Field = { End: 0, PackedSize: 1, Compression: 2, Size: 3 } as const;
const ZSTD = 0;
const NONE = 255;
// More than a server can make: binlog_cache_size is capped at 4 GiB, and 1 GiB is the most that a replica takes.
const MAX_SIZE = 2 ** 32;

export function parseTransactionPayload(body: Buffer): TransactionPayload {
  const cursor = new Cursor(body);
  const fields = new Map<number, number>();
  for (let field = cursor.lenenc(); field !== Field.End; field = cursor.lenenc()) {
    fields.set(field, cursor.sub(cursor.lenenc()).lenenc());
  }
  const packed = cursor.take(fields.get(Field.PackedSize) ?? cursor.remaining);
  const compression = compressionOf(fields.get(Field.Compression));
  const sizeBytes = compression === 'none' ? packed.length : (fields.get(Field.Size) ?? 0);
  if (sizeBytes > MAX_SIZE) throw corrupt(`a compressed transaction of ${sizeBytes} bytes`);
  return { compression, sizeBytes, packed };
}

function compressionOf(type: number | undefined): TransactionPayload['compression'] {
  if (type === ZSTD) return 'zstd';
  if (type === NONE) return 'none';
  throw unsupported(`transaction compression ${type ?? 'not named'}`);
}

export interface UnpackOptions {
  readonly file: string;
  readonly format: FormatDescription;
  readonly decompress: Decompress;
}

/** The events inside a payload event. They have no checksums of their own, and the payload's offset. */
export function* unpackPayload(payload: BinlogEvent, options: UnpackOptions): Generator<BinlogEvent, void> {
  const at = { file: options.file, position: payload.offset };
  const { compression, sizeBytes, packed } = locating(at, () => parseTransactionPayload(payload.body));
  // Their positions are not those of this file; a relay log's are not checked either. The start must only not be 0, where a magic is.
  const format = { ...options.format, checksum: 'none', isRelayLog: true } as const;
  const scanner = new EventScanner({ file: options.file, start: payload.offset, format });
  let left = sizeBytes;
  try {
    const pieces = compression === 'none' ? [packed] : options.decompress(packed, sizeBytes);
    for (const piece of pieces) {
      left -= piece.length;
      if (left < 0)
        throw corruptAt(at, `a compressed transaction is longer than the ${sizeBytes} bytes it says`);
      for (const { header, raw } of scanner.push(asBuffer(piece))) {
        yield { header, offset: payload.offset, raw, body: raw.subarray(EVENT_HEADER_SIZE) };
      }
    }
  } catch (error) {
    if (error instanceof DcmhaError) throw error;
    throw corruptAt(at, 'a compressed transaction cannot be unpacked', error);
  }
  if (left > 0 || scanner.end().torn !== undefined)
    throw corruptAt(at, 'a compressed transaction is cut short');
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
