import type { GtidSet } from '../gtid/gtid-set.ts';
import { locating } from './binlog-errors.ts';
import { parsePreviousGtids } from './control-events.ts';
import { EVENT_HEADER_SIZE, type EventHeader } from './event.ts';
import { bytesForRole } from './event-role.ts';
import { EventScanner, type ScannedEvent } from './event-scanner.ts';
import { EventType } from './event-types.ts';
import { checksumSize, hasOwnChecksum, type FormatDescription } from './format-description.ts';
import { TransactionGrouper, type Grouped } from './transactions.ts';

/** Where the good part of a file ends: after its last whole transaction (or event between transactions), as mysqld's crash recovery cuts it. */
export interface FileEnd {
  readonly offset: number;
  /** Why there is more behind it: an event cut short, zeros, or whole events of a transaction without its end. */
  readonly torn?: 'incomplete' | 'zeros' | 'transaction';
}

/** An event with its body (as much of it as was kept, without header and checksum) and its place. */
export interface FileEvent extends ScannedEvent {
  readonly body: Buffer;
  readonly grouped: Grouped;
}

export interface FileScanOptions {
  readonly file: string;
  /** Of which events all bytes are wanted; of none when absent. Asked after the events before it were handed out. */
  readonly wholly?: (header: EventHeader) => boolean;
}

/** A whole binlog file, from its first byte on: events, transactions and where it soundly ends. Pure: bytes are pushed into it. */
export class FileScanner {
  readonly #events: EventScanner;
  readonly #grouper: TransactionGrouper;
  readonly #file: string;
  #previousGtids: GtidSet | undefined;
  #end = 0;

  constructor({ file, wholly = () => false }: FileScanOptions) {
    this.#file = file;
    this.#events = new EventScanner({
      file,
      keep: (header) =>
        wholly(header) || ALWAYS_WHOLE.has(header.type) ? header.size : bytesForRole(header),
    });
    this.#grouper = new TransactionGrouper(file, () => this.format?.isRelayLog ?? false);
  }

  get format(): FormatDescription | undefined {
    return this.#events.format;
  }

  /** From the beginning of the file, once it was read; undefined where its server had none (5.6, relay logs of old). */
  get previousGtids(): GtidSet | undefined {
    return this.#previousGtids;
  }

  *push(chunk: Buffer): Generator<FileEvent, void> {
    for (const { header, offset, raw } of this.#events.push(chunk)) {
      const body = raw.subarray(
        EVENT_HEADER_SIZE,
        Math.min(raw.length, header.size - this.#trailing(header)),
      );
      const grouped = this.#grouper.accept({ header, offset, raw }, body);
      if (header.type === EventType.PreviousGtids) this.#readPreviousGtids(offset, body);
      if (this.#grouper.openSince === undefined) this.#end = offset + header.size;
      yield { header, offset, raw, body, grouped };
    }
  }

  /** To be asked when there are no more bytes. */
  end(): FileEnd {
    const { offset, torn } = this.#events.end();
    const end = this.#end === 0 ? offset : this.#end;
    if (torn !== undefined) return { offset: end, torn };
    return this.#grouper.openSince === undefined ? { offset: end } : { offset: end, torn: 'transaction' };
  }

  /** Bytes of checksum behind the event. */
  #trailing({ type }: EventHeader): number {
    const { format } = this;
    if (format === undefined) return 0;
    if (type === EventType.FormatDescription) return hasOwnChecksum(format) ? 4 : 0;
    return checksumSize(format);
  }

  #readPreviousGtids(position: number, body: Buffer): void {
    this.#previousGtids = locating({ file: this.#file, position }, () => parsePreviousGtids(body));
  }
}

const ALWAYS_WHOLE: ReadonlySet<number> = new Set([
  EventType.FormatDescription,
  EventType.PreviousGtids,
  EventType.Rotate,
]);
