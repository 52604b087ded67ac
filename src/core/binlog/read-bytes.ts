import { Buffer } from 'node:buffer';
import type { OpenBinlogFile } from '../../ports/binlog-source.ts';

/** Bytes of an open file; fewer only at its end. */
export async function readBytes(file: OpenBinlogFile, offset: number, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.read(offset, offset + size)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
