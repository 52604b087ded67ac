import { EVENT_HEADER_SIZE, type BinlogEvent, type EventHeader } from './event.ts';
import { EventType, isGtidEventType } from './event-types.ts';
import { FileScanner, type FileEnd, type FileEvent } from './file-scanner.ts';
import { checksumSize, type FormatDescription } from './format-description.ts';
import type { GtidEvent } from './gtid-event.ts';
import { PayloadUnpacker, unpackPayload, type Decompress } from './payload.ts';
import type { Grouped } from './transactions.ts';

/** A whole event with what is needed to read it, and what it is to its transaction. */
export interface ReadEvent {
  readonly event: BinlogEvent;
  readonly format: FormatDescription;
  /** Events of a compressed transaction come as `inside`, then the payload event as `last`. */
  readonly grouped: Grouped;
}

export interface BinlogReaderOptions {
  readonly file: string;
  readonly decompress: Decompress;
  /** Which transactions to hand out, all when absent. The others are checked all the same, but not kept in memory. */
  readonly wanted?: (header: GtidEvent | undefined) => boolean;
}

const INSIDE: Grouped = { kind: 'inside' };
/** A bigger payload that does not come in one chunk is not put together: `readEvents` reads it from the file once more. */
const HELD_PAYLOAD_BYTES = 16 * 1024 * 1024;

/** A payload event without its body, whose events were not handed out. */
export function isLeftOut({ event: { header, raw } }: ReadEvent): boolean {
  return header.type === EventType.TransactionPayload && raw.length < header.size;
}

/**
 * Hands out the whole events of a file's transactions, compressed ones unpacked, one at a time: memory does not grow with the transaction,
 * only with its largest event. What an event shares with the chunk or the unpacked piece stays valid, since neither is reused.
 * A compressed transaction of many megabytes is left out (`isLeftOut`) where the reader does not have the file: use `readEvents`.
 * A torn transaction at the end is handed out as far as it goes; only `last` says that one is whole.
 */
export class BinlogReader {
  readonly #file: string;
  readonly #decompress: Decompress;
  readonly #wanted: (header: GtidEvent | undefined) => boolean;
  readonly #scanner: FileScanner;
  #isWanted = true;

  constructor({ file, decompress, wanted = () => true }: BinlogReaderOptions) {
    this.#file = file;
    this.#decompress = decompress;
    this.#wanted = wanted;
    this.#scanner = new FileScanner({ file, wholly: (header) => this.#isWhole(header) });
  }

  get scanner(): Pick<FileScanner, 'format' | 'previousGtids'> {
    return this.#scanner;
  }

  *push(chunk: Buffer): Generator<ReadEvent, void> {
    for (const found of this.#scanner.push(chunk)) {
      this.#choose(found.grouped);
      if (this.#isWanted) yield* this.#read(found);
      if (found.grouped.kind === 'last') this.#isWanted = true;
    }
  }

  end(): FileEnd {
    return this.#scanner.end();
  }

  #choose(grouped: Grouped): void {
    if (grouped.kind === 'first') this.#isWanted = this.#wanted(grouped.header);
    // A statement alone, from a server that writes no GTID events: first and last at once.
    const isAlone = grouped.kind === 'last' && grouped.transaction.events === 1;
    if (isAlone) this.#isWanted = this.#wanted(grouped.transaction.header);
  }

  /** For the body of an event that was left out. */
  unpacker({ event: { offset, header }, format }: ReadEvent): PayloadUnpacker {
    const bodyBytes = header.size - EVENT_HEADER_SIZE - checksumSize(format);
    return new PayloadUnpacker(
      { offset, bodyBytes },
      { file: this.#file, format, decompress: this.#decompress },
    );
  }

  *#read({ header, offset, raw, body, grouped }: FileEvent): Generator<ReadEvent, void> {
    const { format } = this.#scanner;
    if (format === undefined) return; // never: the first event is the format description
    const event = { header, offset, raw, body };
    if (header.type === EventType.TransactionPayload && raw.length === header.size) {
      const options = { file: this.#file, format, decompress: this.#decompress };
      for (const inner of unpackPayload(event, options)) yield { event: inner, format, grouped: INSIDE };
    }
    yield { event, format, grouped };
  }

  #isWhole({ type, size }: EventHeader): boolean {
    if (type === EventType.TransactionPayload && size > HELD_PAYLOAD_BYTES) return false;
    return this.#isWanted || isGtidEventType(type);
  }
}
