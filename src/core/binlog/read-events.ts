import type { OpenBinlogFile } from '../../ports/binlog-source.ts';
import { isLeftOut, type BinlogReader, type ReadEvent } from './binlog-reader.ts';
import { corrupt } from './binlog-errors.ts';
import { EVENT_HEADER_SIZE } from './event.ts';
import type { PayloadUnpacker } from './payload.ts';

/**
 * All that a reader hands out of a file. A big compressed transaction is read twice, for its checksum first and then to be unpacked piece by
 * piece, so that neither what is packed nor what is unpacked need be in memory. Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED.
 */
export async function* readEvents(
  file: OpenBinlogFile,
  reader: BinlogReader,
): AsyncGenerator<ReadEvent, void> {
  for await (const chunk of file.read(0)) {
    for (const read of reader.push(chunk)) {
      if (isLeftOut(read)) yield* readLeftOut(file, reader, read);
      yield read;
    }
  }
}

async function* readLeftOut(
  file: OpenBinlogFile,
  reader: BinlogReader,
  read: ReadEvent,
): AsyncGenerator<ReadEvent, void> {
  const { format, event } = read;
  const start = event.offset + EVENT_HEADER_SIZE;
  using unpacker: PayloadUnpacker = reader.unpacker(read);
  let size = 0;
  for await (const piece of file.read(start, event.offset + event.header.size)) {
    size += piece.length;
    for (const inner of unpacker.push(piece)) yield { event: inner, format, grouped: { kind: 'inside' } };
  }
  if (size < event.header.size - EVENT_HEADER_SIZE) throw corrupt(`${file.name} was cut while it was read`);
  for (const inner of unpacker.end()) yield { event: inner, format, grouped: { kind: 'inside' } };
}
