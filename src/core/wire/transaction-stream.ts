import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { corruptAt } from '../binlog/binlog-errors.ts';
import { CHECKSUM_SIZE, EVENT_HEADER_SIZE, parseEventHeader, type EventHeader } from '../binlog/event.ts';
import { EventType, isGtidEventType } from '../binlog/event-types.ts';
import { parseGtidEvent } from '../binlog/gtid-event.ts';
import type { Gtid } from '../gtid/gtid.ts';
import type { EventFramer } from './event-framer.ts';

export interface TransactionStreamOptions {
  /** For errors. */
  readonly file: string;
  /** In the file, of the first byte pushed; an event begins there. */
  readonly start: number;
  readonly isWanted: (gtid: Gtid) => boolean;
  /** The file has none, and all events of a stream must have one. */
  readonly addsChecksum: boolean;
}

const SIZE_AT = 9;
/** What a source keeps to itself: a stream has its own. */
const NOT_SENT: ReadonlySet<number> = new Set([
  EventType.FormatDescription,
  EventType.PreviousGtids,
  EventType.Rotate,
  EventType.Stop,
]);

/**
 * The wanted transactions of a stretch of a binlog file, event by event into a framer, in pieces as the file is read: memory depends on
 * the chunks, not on the events. The bytes are trusted: the stretch has been checked before.
 */
export class TransactionStream {
  readonly #options: TransactionStreamOptions;
  readonly #framer: EventFramer;
  /** Less than a header, or than a GTID event. */
  #carry: Buffer = Buffer.alloc(0);
  #offset: number;
  #isWanted = false;
  /** Of the event that is being sent or dropped, not seen yet. */
  #left = 0;
  #isSent = false;
  #crc = 0;
  #sentBytes = 0;

  constructor(framer: EventFramer, options: TransactionStreamOptions) {
    this.#framer = framer;
    this.#options = options;
    this.#offset = options.start;
  }

  /** Of all events sent, as the receiver counts them. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  push(chunk: Buffer): void {
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    this.#carry = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        at += this.#pass(bytes.subarray(at, at + this.#left));
        continue;
      }
      const started = this.#start(bytes, at);
      if (started === 0) {
        this.#carry = Buffer.from(bytes.subarray(at));
        return;
      }
      at += started;
    }
  }

  /** Begins the event at `at`; how much of it was taken, 0 when more is needed first. */
  #start(bytes: Buffer, at: number): number {
    const available = bytes.length - at;
    if (available < EVENT_HEADER_SIZE) return 0;
    const header = parseEventHeader(bytes, at);
    const { size, type } = header;
    if (size < EVENT_HEADER_SIZE) throw this.#contradiction(`an event of ${size} bytes`);
    if (isGtidEventType(type)) {
      if (available < size) return 0;
      const end = at + size - (this.#options.addsChecksum ? 0 : CHECKSUM_SIZE);
      const { gtid } = parseGtidEvent(type, bytes.subarray(at + EVENT_HEADER_SIZE, end));
      if (gtid === undefined) throw this.#contradiction('a transaction without a GTID');
      this.#isWanted = this.#options.isWanted(gtid);
    }
    this.#offset += size;
    this.#isSent = this.#isWanted && !NOT_SENT.has(type);
    if (this.#isSent) this.#announce(header, bytes.subarray(at, at + EVENT_HEADER_SIZE));
    this.#left = size - EVENT_HEADER_SIZE;
    return EVENT_HEADER_SIZE;
  }

  #announce({ size }: EventHeader, start: Buffer): void {
    const { addsChecksum } = this.#options;
    const sentSize = addsChecksum ? size + CHECKSUM_SIZE : size;
    this.#sentBytes += sentSize;
    this.#framer.begin(sentSize);
    if (!addsChecksum) {
      this.#framer.add(start);
      return;
    }
    const changed = Buffer.from(start);
    changed.writeUInt32LE(sentSize, SIZE_AT);
    this.#crc = crc32(changed);
    this.#framer.add(changed);
    if (size === EVENT_HEADER_SIZE) this.#addChecksum();
  }

  #pass(piece: Buffer): number {
    this.#left -= piece.length;
    if (!this.#isSent) return piece.length;
    this.#framer.add(piece);
    if (this.#options.addsChecksum) {
      this.#crc = crc32(piece, this.#crc);
      if (this.#left === 0) this.#addChecksum();
    }
    return piece.length;
  }

  #addChecksum(): void {
    const checksum = Buffer.alloc(CHECKSUM_SIZE);
    checksum.writeUInt32LE(this.#crc);
    this.#framer.add(checksum);
  }

  #contradiction(what: string): Error {
    return corruptAt({ file: this.#options.file, position: this.#offset }, what);
  }
}
