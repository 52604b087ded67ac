/** Bytes of the common header of each event (`LOG_EVENT_HEADER_LEN`). */
export const EVENT_HEADER_SIZE = 19;

/** Bytes of the checksum at the end of an event (`BINLOG_CHECKSUM_LEN`). */
export const CHECKSUM_SIZE = 4;

/** What each event begins with: `Log_event_header` in libs/mysql/binlog/event/binlog_event.h. */
export interface EventHeader {
  /** Seconds since 1970, when the statement began. */
  readonly timestamp: number;
  readonly type: number;
  readonly serverId: number;
  /** Bytes of the whole event, header and checksum included. */
  readonly size: number;
  /** Where the event ends, in the file where it was first written, modulo 2^32: not to be relied on. */
  readonly logPos: number;
  readonly flags: number;
}

/** One event, whole. `raw` and `body` may share memory with the chunk it was read from. */
export interface BinlogEvent {
  readonly header: EventHeader;
  /** Where it begins in its file. Events unpacked from a payload have the payload's. */
  readonly offset: number;
  /** Header, body and checksum, as in the file. */
  readonly raw: Buffer;
  /** Without header and checksum. */
  readonly body: Buffer;
}

/** `at` must leave 19 bytes. */
export function parseEventHeader(bytes: Buffer, at = 0): EventHeader {
  return {
    timestamp: bytes.readUInt32LE(at),
    type: bytes.readUInt8(at + 4),
    serverId: bytes.readUInt32LE(at + 5),
    size: bytes.readUInt32LE(at + 9),
    logPos: bytes.readUInt32LE(at + 13),
    flags: bytes.readUInt16LE(at + 17),
  };
}
