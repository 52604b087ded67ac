import type { BinlogSource, OpenBinlogFile } from '../../src/ports/binlog-source.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';

/** Binlog files that are only bytes, oldest first. `chunkSize`: how much one read gives. */
export function memoryFiles(files: Readonly<Record<string, Buffer>>, chunkSize = 700): BinlogSource {
  return {
    list: () =>
      Promise.resolve(Object.entries(files).map(([name, { length }]) => ({ name, sizeBytes: length }))),
    open: (name) => {
      const bytes = files[name];
      if (bytes === undefined) return Promise.reject(new DcmhaError('NOT_FOUND', `no file ${name}`));
      return Promise.resolve(memoryFile(name, bytes, chunkSize));
    },
  };
}

function memoryFile(name: string, bytes: Buffer, chunkSize: number): OpenBinlogFile {
  return {
    name,
    sizeBytes: () => Promise.resolve(bytes.length),
    async *read(start, end = bytes.length) {
      const stop = Math.min(end, bytes.length);
      for (let at = start; at < stop; at += chunkSize) {
        yield await Promise.resolve(Buffer.from(bytes.subarray(at, Math.min(stop, at + chunkSize))));
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
