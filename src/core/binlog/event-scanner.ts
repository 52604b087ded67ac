import { Buffer } from 'node:buffer';
import type { DcmhaError } from '../model/errors.ts';
import { corruptAt, locating, unsupportedAt, type BinlogPosition } from './binlog-errors.ts';
import { isChecksumRight, isFormatChecksumRight } from './checksum.ts';
import { CHECKSUM_SIZE, EVENT_HEADER_SIZE, parseEventHeader, type EventHeader } from './event.ts';
import { EventType, eventTypeName } from './event-types.ts';
import { hasOwnChecksum, parseFormatDescription, type FormatDescription } from './format-description.ts';
import { PartialEvent } from './partial-event.ts';
import { isAllZeros, trailingZeros } from './zeros.ts';

/** Bytes before the first event. */
const MAGIC = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);
const ENCRYPTED_MAGIC = Buffer.from([0xfd, 0x62, 0x69, 0x6e]);

// The largest packet of replication is 1 GiB; a compressed transaction's headers come on top.
const MAX_EVENT_SIZE = 1.5 * 1024 ** 3;
const NOTHING = Buffer.alloc(0);

export interface ScanOptions {
  /** For messages and errors. */
  readonly file: string;
  /** File offset of the first byte pushed. Not at the beginning of the file, `format` must be given. */
  readonly start?: number;
  readonly format?: FormatDescription;
  /** How much of an event is wanted, from its header on; all of it when absent. What is beyond is checksummed and dropped. */
  readonly keep?: (header: EventHeader) => number;
}

/** An event, or the beginning of one when `raw` is shorter than `header.size`. `raw` may share memory with the chunk pushed. */
export interface ScannedEvent {
  readonly header: EventHeader;
  /** In the file. */
  readonly offset: number;
  readonly raw: Buffer;
}

/** Where the whole events of a file end. */
export interface ScanEnd {
  /** Just past the last whole event. */
  readonly offset: number;
  /** What comes after it, if anything: an event cut short, or one whose end was never written (zeros to the end of the file). */
  readonly torn?: 'incomplete' | 'zeros';
}

interface ZeroTail {
  /** A checksum that ends in a zero may just be wrong; one of zeros only, or zeros behind it, were never written. */
  readonly isCertain: boolean;
}

interface CheckedEvent {
  readonly header: EventHeader;
  readonly raw: Buffer;
  readonly isIntact: boolean;
  readonly lastBytes: Buffer;
}

/**
 * Cuts the bytes of a binlog file into events and checks them, chunk by chunk: memory stays bounded by what `keep` asks for, whatever the
 * size of file and event. Chunks may be of any size; a growing file is followed by pushing on.
 *
 * A tail that a crash left (cut short, or zeros where data had not reached the disk) is told by `end()`. Any other bad byte is thrown
 * as BINLOG_CORRUPT with the file and the position of its event.
 */
export class EventScanner {
  readonly #file: string;
  readonly #keep: (header: EventHeader) => number;
  #format: FormatDescription | undefined;
  #isRelayLog: boolean;
  /** Of the next event, or of `#partial`. */
  #offset: number;
  /** Fewer bytes than the magic or a header has. */
  #carry = NOTHING;
  #partial: PartialEvent | undefined;
  /** The event at `#offset` seems to end in zeros that nobody wrote; then only zeros may follow. */
  #zeros: ZeroTail | undefined;

  constructor({ file, start = 0, format, keep }: ScanOptions) {
    this.#file = file;
    this.#offset = start;
    this.#format = format;
    this.#isRelayLog = format?.isRelayLog ?? false;
    this.#keep = keep ?? (() => Number.MAX_SAFE_INTEGER);
  }

  /** Known after the first event. In a relay log it changes when the source's own comes by. */
  get format(): FormatDescription | undefined {
    return this.#format;
  }

  /** The events that this chunk completes. To be iterated to its end before the next push. */
  *push(chunk: Buffer): Generator<ScannedEvent, void> {
    let at = this.#offset === 0 ? this.#takeMagic(chunk) : 0;
    while (at < chunk.length) {
      if (this.#zeros !== undefined) {
        if (!isAllZeros(chunk.subarray(at)))
          throw corruptAt(this.#at(), 'the event is damaged, and more than zeros follows it');
        this.#zeros = { isCertain: true };
        return;
      }
      const whole = this.#wholeAt(chunk, at);
      if (whole === undefined) {
        at += this.#feed(chunk.subarray(at));
      } else {
        at += whole.header.size;
      }
      const event = this.#accept(whole ?? this.#takePartial());
      if (event !== undefined) yield event;
    }
  }

  /** To be asked when there are no more bytes. Throws BINLOG_CORRUPT if what is left over cannot come from a crash. */
  end(): ScanEnd {
    if (this.#zeros !== undefined) {
      if (!this.#zeros.isCertain) throw this.#damagedEvent();
      return { offset: this.#offset, torn: 'zeros' };
    }
    const header = this.#partial?.header;
    if (header === undefined && this.#carry.length === 0) return { offset: this.#offset };
    // A damaged size may point past the end of the file and so hide the good events behind it; but the header says twice where it ends.
    if (header !== undefined && !this.#endsWhereItSays(header)) {
      throw corruptAt(
        this.#at(),
        `an event of ${header.size} bytes contradicts its end position ${header.logPos}`,
      );
    }
    return { offset: this.#offset, torn: 'incomplete' };
  }

  #at(): BinlogPosition {
    return { file: this.#file, position: this.#offset };
  }

  #takeMagic(chunk: Buffer): number {
    const missing = MAGIC.length - this.#carry.length;
    this.#carry = Buffer.concat([this.#carry, chunk.subarray(0, missing)]);
    if (this.#carry.equals(ENCRYPTED_MAGIC)) {
      throw unsupportedAt(
        this.#at(),
        'it is encrypted (binlog_encryption): only the server that wrote it has the key',
      );
    }
    if (!MAGIC.subarray(0, this.#carry.length).equals(this.#carry))
      throw corruptAt(this.#at(), 'not a binlog file');
    if (this.#carry.length < MAGIC.length) return chunk.length;
    this.#carry = NOTHING;
    this.#offset = MAGIC.length;
    return missing;
  }

  /** The event at `at` without copying, if all of it is in this chunk. */
  #wholeAt(chunk: Buffer, at: number): CheckedEvent | undefined {
    if (this.#partial !== undefined || this.#carry.length > 0) return undefined;
    if (chunk.length - at < EVENT_HEADER_SIZE) return undefined;
    const header = parseEventHeader(chunk, at);
    if (header.size < EVENT_HEADER_SIZE || header.size > chunk.length - at) return undefined;
    this.#expectFormatFirst(header);
    const raw = chunk.subarray(at, at + header.size);
    return { header, raw, isIntact: this.#isIntact(header, () => isChecksumRight(raw)), lastBytes: raw };
  }

  /** Adds what it can to the event that is being put together. Returns how many bytes it took. */
  #feed(bytes: Buffer): number {
    if (this.#partial !== undefined) return this.#partial.add(bytes);
    const taken = bytes.subarray(0, EVENT_HEADER_SIZE - this.#carry.length);
    this.#carry = Buffer.concat([this.#carry, taken]);
    if (this.#carry.length === EVENT_HEADER_SIZE) {
      this.#begin(this.#carry);
      this.#carry = NOTHING;
    }
    return taken.length;
  }

  #begin(start: Buffer): void {
    const header = parseEventHeader(start);
    if (header.size >= EVENT_HEADER_SIZE && header.size <= MAX_EVENT_SIZE) {
      this.#expectFormatFirst(header);
      const isFormat = header.type === EventType.FormatDescription;
      this.#partial = new PartialEvent(header, isFormat ? header.size : this.#keep(header));
      this.#partial.add(start);
    } else if (header.logPos === 0 && header.flags === 0) {
      this.#zeros = { isCertain: true }; // all of the header, or its end, was never written
    } else {
      throw corruptAt(this.#at(), `an event of ${header.size} bytes`);
    }
  }

  #takePartial(): CheckedEvent | undefined {
    const partial = this.#partial;
    if (partial?.isWhole !== true) return undefined;
    this.#partial = undefined;
    const { header } = partial;
    const isIntact = this.#isIntact(header, () => partial.isChecksumRight());
    return { header, raw: partial.kept(), isIntact, lastBytes: partial.lastBytes() };
  }

  #accept(event: CheckedEvent | undefined): ScannedEvent | undefined {
    if (event === undefined) return undefined;
    const { header, raw } = event;
    if (header.type === EventType.FormatDescription) {
      this.#changeFormat(raw);
    } else if (!event.isIntact) {
      const zeros = trailingZeros(event.lastBytes, CHECKSUM_SIZE);
      if (zeros === 0) throw this.#damagedEvent();
      this.#zeros = { isCertain: zeros === CHECKSUM_SIZE };
      return undefined;
    }
    const offset = this.#offset;
    this.#offset += header.size;
    return { header, offset, raw };
  }

  #damagedEvent(): DcmhaError {
    return corruptAt(this.#at(), 'an event whose checksum or end position is wrong');
  }

  #isIntact(header: EventHeader, isChecksumRight: () => boolean): boolean {
    if (this.#format?.checksum === 'crc32') return isChecksumRight();
    return this.#endsWhereItSays(header);
  }

  /** Events that a source made up have no position; those in a relay log have the position in their source's file. */
  #endsWhereItSays({ size, logPos }: EventHeader): boolean {
    return this.#isRelayLog || logPos === (this.#offset + size) % 2 ** 32;
  }

  #expectFormatFirst({ type }: EventHeader): void {
    if (this.#format !== undefined || type === EventType.FormatDescription) return;
    throw unsupportedAt(this.#at(), `it begins with ${eventTypeName(type)}, not with a format description`);
  }

  /**
   * It is believed only with its own checksum right, which it has even where other events have none: another event with a damaged
   * type byte would otherwise switch checksums off for the rest of the file.
   */
  #changeFormat(raw: Buffer): void {
    const format = locating(this.#at(), () => parseFormatDescription(raw));
    const isFirst = this.#format === undefined;
    if (hasOwnChecksum(format) ? !isFormatChecksumRight(raw) : !isFirst) {
      throw corruptAt(this.#at(), 'a format description with a wrong checksum');
    }
    if (isFirst) this.#isRelayLog = format.isRelayLog;
    this.#format = format;
  }
}
