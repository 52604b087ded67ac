import { crc32 } from 'node:zlib';
import type { InverseRows } from './inverse-rows.ts';

/**
 * Watches for an update that needs what an earlier one of the same event made. In a table without a key mysqld first hashes all the rows that
 * an event is to find and then reads the table once; a row that comes to be only meanwhile is missed ("Can't find record"). A checksum
 * stands for an image: two that are taken for one cost an event more, nothing else.
 */
export class UpdateChain {
  readonly #made = new Set<number>();

  /** Whether the update whose two spans begin at `index` must be in an event after those remembered. */
  mustWait({ body, spans }: InverseRows, index: number): boolean {
    return this.#made.size > 0 && this.#made.has(crc32(body.subarray(spans[index], spans[index + 1])));
  }

  remember({ body, spans }: InverseRows, index: number): void {
    this.#made.add(crc32(body.subarray(spans[index + 2], spans[index + 3])));
  }

  clear(): void {
    this.#made.clear();
  }
}
