import { Buffer } from 'node:buffer';
import { locating, unsupported } from '../binlog/binlog-errors.ts';
import { parsePreviousGtids } from '../binlog/control-events.ts';
import { EventScanner } from '../binlog/event-scanner.ts';
import { EVENT_HEADER_SIZE } from '../binlog/event.ts';
import { EventType } from '../binlog/event-types.ts';
import { checksumSize, type FormatDescription } from '../binlog/format-description.ts';
import type { GtidSet } from '../gtid/gtid-set.ts';
import type { OpenBinlogFile } from '../../ports/binlog-source.ts';

/** What a binlog file says of itself before its first transaction. */
export interface FileHead {
  readonly format: FormatDescription;
  /** The whole event. */
  readonly formatEvent: Buffer;
  /** The server that wrote the file. */
  readonly serverId: number;
  readonly previousGtids: GtidSet;
  /** Where transactions begin. */
  readonly start: number;
}

const FIRST_WITH_ALL_WE_NEED = 50700;

/**
 * Undefined for a file that a crash left before its head was written: there is nothing in it. Throws BINLOG_UNSUPPORTED for a server
 * older than 5.7, an encrypted file, and one without previous GTIDs; BINLOG_CORRUPT.
 */
export async function readFileHead(file: OpenBinlogFile): Promise<FileHead | undefined> {
  const scanner = new EventScanner({ file: file.name });
  let formatEvent: Buffer | undefined;
  for await (const chunk of file.read(0)) {
    for (const { header, offset, raw } of scanner.push(chunk)) {
      const { format } = scanner;
      if (format === undefined) continue; // never: the first event is the format description
      if (formatEvent === undefined) {
        refuseOld(format);
        formatEvent = Buffer.from(raw);
        continue;
      }
      if (header.type !== EventType.PreviousGtids)
        throw unsupported(`${file.name} does not begin with previous GTIDs: was gtid_mode ON?`);
      const body = raw.subarray(EVENT_HEADER_SIZE, raw.length - checksumSize(format));
      const previousGtids = locating({ file: file.name, position: offset }, () => parsePreviousGtids(body));
      return { format, formatEvent, serverId: header.serverId, previousGtids, start: offset + header.size };
    }
  }
  scanner.end();
  return undefined;
}

function refuseOld({ serverVersion, serverVersionNumber }: FormatDescription): void {
  if (serverVersionNumber < FIRST_WITH_ALL_WE_NEED)
    throw unsupported(`it was written by MySQL ${serverVersion}; 5.7 is the oldest served`);
}
