import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BinlogReader, type ReadEvent } from '../../src/core/binlog/binlog-reader.ts';
import { FileScanner, type FileEnd, type FileEvent } from '../../src/core/binlog/file-scanner.ts';
import type { Transaction } from '../../src/core/binlog/transactions.ts';
import { loadZstd } from '../../src/adapters/system/zstd.ts';

export const decompress = await loadZstd();

/** The bytes in chunks of this size, the last one shorter. */
export function* chunksOf(bytes: Buffer, size = bytes.length): Generator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export interface Scanned {
  readonly events: readonly FileEvent[];
  readonly transactions: readonly Transaction[];
  readonly end: FileEnd;
  readonly scanner: FileScanner;
}

export function scan(bytes: Buffer, chunkSize?: number): Scanned {
  const scanner = new FileScanner({ file: 'test', wholly: () => true });
  const events: FileEvent[] = [];
  for (const chunk of chunksOf(bytes, chunkSize)) events.push(...scanner.push(chunk));
  const transactions = events.flatMap(({ grouped }) =>
    grouped.kind === 'last' ? [grouped.transaction] : [],
  );
  return { events, transactions, end: scanner.end(), scanner };
}

/** All events, compressed ones unpacked; a torn tail is left out. */
export function readAll(bytes: Buffer, file = 'test'): ReadEvent[] {
  const reader = new BinlogReader({ file, decompress });
  const events = [...chunksOf(bytes)].flatMap((chunk) => [...reader.push(chunk)]);
  reader.end();
  return events;
}

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/binlog');

/** A file recorded by scripts/record-fixtures.ts. */
export function readFixture(file: string): Buffer {
  return readFileSync(path.join(FIXTURES, file));
}
