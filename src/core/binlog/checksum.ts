import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { FLAG_IN_USE } from './event-types.ts';

// CRC-32 over data followed by its own little-endian CRC-32 always gives this, so the sum need not be cut off first.
const RESIDUE = 0x2144df1c;
const FLAGS_AT = 17;

/** Whether an event with a checksum at its end is as it was written. */
export function isChecksumRight(raw: Buffer): boolean {
  return crc32(raw) === RESIDUE;
}

/** The same, for an event that comes in pieces: feed them all, then ask. */
export class RunningChecksum {
  #value = 0;

  update(piece: Buffer): void {
    this.#value = crc32(piece, this.#value);
  }

  isRight(): boolean {
    return this.#value === RESIDUE;
  }
}

/**
 * The checksum of a format description is computed with the in-use flag off, so that the flag can be cleared in place when the file is
 * closed (`Log_event::write_footer`, `Log_event_footer::event_checksum_test`).
 */
export function isFormatChecksumRight(raw: Buffer): boolean {
  const closed = Buffer.from(raw);
  closed[FLAGS_AT] = (raw[FLAGS_AT] ?? 0) & ~FLAG_IN_USE;
  return isChecksumRight(closed);
}

/** Computes and writes the checksum into the last four bytes of an event. */
export function writeChecksum(raw: Buffer): void {
  raw.writeUInt32LE(crc32(raw.subarray(0, raw.length - 4)), raw.length - 4);
}
