import { Buffer } from 'node:buffer';

const ZEROS = Buffer.alloc(64 * 1024);

/** Whether there is nothing else; compared in pieces, for the tail of a file may be long. */
export function isAllZeros(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const part = bytes.subarray(at, at + ZEROS.length);
    if (!ZEROS.subarray(0, part.length).equals(part)) return false;
  }
  return true;
}

/** How many of the last bytes are zero; no more than `most` are looked at. */
export function trailingZeros(bytes: Buffer, most: number): number {
  let count = 0;
  while (count < most && bytes.at(-1 - count) === 0) count++;
  return count;
}
