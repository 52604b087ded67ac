import { Buffer } from 'node:buffer';
import { RunningChecksum } from './checksum.ts';
import { CHECKSUM_SIZE, type EventHeader } from './event.ts';

const FIRST_ALLOCATION = 64 * 1024;
/** From here on the size is believed: memory that is never written to is never resident, and growing step by step would need twice as much. */
const BELIEVED_FROM = 1024 * 1024;

/** An event that comes in several chunks: the part that is wanted is put together, the rest only counted and checksummed. */
export class PartialEvent {
  readonly header: EventHeader;
  readonly #wanted: number;
  readonly #checksum = new RunningChecksum();
  #kept: Buffer;
  #seen = 0;
  #last: Buffer = Buffer.alloc(0);

  /** `keep`: how many bytes are wanted, from the header on. */
  constructor(header: EventHeader, keep: number) {
    this.header = header;
    this.#wanted = Math.min(header.size, keep);
    // Grown as bytes come: a damaged size must not become an allocation of a gigabyte.
    this.#kept = Buffer.allocUnsafe(Math.min(this.#wanted, FIRST_ALLOCATION));
  }

  get isWhole(): boolean {
    return this.#seen === this.header.size;
  }

  /** Takes what belongs to this event from the front of `bytes`, and tells how much that was. */
  add(bytes: Buffer): number {
    const piece = bytes.subarray(0, this.header.size - this.#seen);
    this.#checksum.update(piece);
    this.#keep(piece);
    this.#last = Buffer.concat([this.#last, piece.subarray(-CHECKSUM_SIZE)]).subarray(-CHECKSUM_SIZE);
    this.#seen += piece.length;
    return piece.length;
  }

  isChecksumRight(): boolean {
    return this.#checksum.isRight();
  }

  /** The last bytes so far, as many as a checksum has. */
  lastBytes(): Buffer {
    return this.#last;
  }

  kept(): Buffer {
    return this.#kept.subarray(0, Math.min(this.#seen, this.#wanted));
  }

  #keep(piece: Buffer): void {
    const length = Math.min(piece.length, this.#wanted - this.#seen);
    if (length <= 0) return;
    this.#reserve(this.#seen + length);
    piece.copy(this.#kept, this.#seen, 0, length);
  }

  #reserve(length: number): void {
    if (length <= this.#kept.length) return;
    const doubled = Math.min(this.#wanted, Math.max(length, this.#kept.length * 2));
    const grown = Buffer.allocUnsafe(length < BELIEVED_FROM ? doubled : this.#wanted);
    this.#kept.copy(grown, 0, 0, this.#seen);
    this.#kept = grown;
  }
}
