import { corrupt, unsupported } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { CHECKSUM_SIZE, EVENT_HEADER_SIZE, parseEventHeader } from './event.ts';
import { FLAG_IN_USE, FLAG_RELAY_LOG } from './event-types.ts';

export type ChecksumAlgorithm = 'none' | 'crc32';

/** How the events that follow are to be read: `Format_description_event`. */
export interface FormatDescription {
  /** Such as `8.4.3-debug`. */
  readonly serverVersion: string;
  /** Such as 80403: major x 10000 + minor x 100 + patch. */
  readonly serverVersionNumber: number;
  /** Seconds since 1970, or 0 when the server only went on to a new file. */
  readonly createdAt: number;
  readonly checksum: ChecksumAlgorithm;
  /** The file was not closed: its server runs, or crashed. */
  readonly inUse: boolean;
  /** A relay log: its events keep the positions that they had in their source's file. */
  readonly isRelayLog: boolean;
  /** By event type - 1. */
  readonly postHeaderLengths: Buffer;
}

const VERSION_LENGTH = 50;
// 5.6.1 was the first to write the algorithm byte and the checksum of this event.
const FIRST_WITH_CHECKSUM = 50601;

/** Takes the whole event, checksum included. MariaDB's is refused: BINLOG_UNSUPPORTED. */
export function parseFormatDescription(raw: Buffer): FormatDescription {
  const cursor = new Cursor(raw, EVENT_HEADER_SIZE);
  const binlogVersion = cursor.u16();
  if (binlogVersion !== 4)
    throw unsupported(`binlog format ${binlogVersion}; only 4 (MySQL 5.0 and newer) is known`);
  const serverVersion = cursor.take(VERSION_LENGTH).toString('latin1').replace(/\0.*$/s, '');
  if (serverVersion.includes('MariaDB'))
    throw unsupported(`written by ${serverVersion}, not by MySQL`, { serverVersion });
  const createdAt = cursor.u32();
  const headerLength = cursor.u8();
  if (headerLength !== EVENT_HEADER_SIZE) throw unsupported(`event headers of ${headerLength} bytes`);
  const serverVersionNumber = versionNumber(serverVersion);
  const withChecksum = serverVersionNumber >= FIRST_WITH_CHECKSUM;
  const postHeaderLengths = Buffer.from(
    cursor.take(cursor.remaining - (withChecksum ? 1 + CHECKSUM_SIZE : 0)),
  );
  const checksum = withChecksum ? checksumAlgorithm(cursor.u8()) : 'none';
  const { flags } = parseEventHeader(raw);
  const inUse = (flags & FLAG_IN_USE) !== 0;
  const isRelayLog = (flags & FLAG_RELAY_LOG) !== 0;
  return { serverVersion, serverVersionNumber, createdAt, checksum, inUse, isRelayLog, postHeaderLengths };
}

/** Bytes between the common header and the variable part of an event of this type. */
export function postHeaderLength(format: FormatDescription, type: number): number {
  return format.postHeaderLengths[type - 1] ?? 0;
}

/** Whether the format description itself ends with a checksum: it does even where the events after it have none. */
export function hasOwnChecksum(format: FormatDescription): boolean {
  return format.serverVersionNumber >= FIRST_WITH_CHECKSUM;
}

/** Bytes at the end of each event that are not its body. */
export function checksumSize(format: FormatDescription): number {
  return format.checksum === 'crc32' ? CHECKSUM_SIZE : 0;
}

function checksumAlgorithm(algorithm: number): ChecksumAlgorithm {
  if (algorithm === 0) return 'none';
  if (algorithm === 1) return 'crc32';
  throw unsupported(`checksum algorithm ${algorithm}`);
}

function versionNumber(version: string): number {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) throw corrupt(`no server version in ${JSON.stringify(version.slice(0, 20))}`);
  return Number(major) * 10000 + Number(minor) * 100 + Number(patch);
}
