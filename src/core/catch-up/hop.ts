import { Buffer } from 'node:buffer';
import { CHECKSUM_SIZE, EVENT_HEADER_SIZE, parseEventHeader, type EventHeader } from '../binlog/event.ts';
import { EventType, isGtidEventType } from '../binlog/event-types.ts';
import { parseGtidEvent } from '../binlog/gtid-event.ts';
import { hasCode } from '../model/errors.ts';
import type { Gtid } from '../gtid/gtid.ts';
import type { OpenBinlogFile } from '../../ports/binlog-source.ts';

export interface HopOptions {
  /** Of the first event after the head. */
  readonly start: number;
  /** Of the file: nothing beyond is looked at. */
  readonly end: number;
  readonly hasChecksum: boolean;
  /** Transactions that need not be looked at. */
  readonly isKnown: (gtid: Gtid) => boolean;
}

const SMALL_READ = 64 * 1024;
const LARGE_READ = 1024 * 1024;

/**
 * Goes from transaction to transaction by the lengths that they say, without reading what is between, and returns the offset of the first
 * that is not known, or of anything that is not understood: from there a thorough reader must go on. Returns `end` when all is known.
 */
export async function hopOverKnown(file: OpenBinlogFile, options: HopOptions): Promise<number> {
  let at = options.start;
  let readBytes = SMALL_READ;
  while (at < options.end) {
    const bytes = await readPiece(file, at, Math.min(options.end, at + readBytes));
    const walk = walkKnown(bytes, at, options);
    if (walk.isOver || walk.next === at) return Math.min(walk.next, options.end);
    // Small transactions lie close together: then more at once is cheaper.
    readBytes = walk.next - at > readBytes ? SMALL_READ : Math.min(LARGE_READ, readBytes * 2);
    at = walk.next;
  }
  return options.end;
}

async function readPiece(file: OpenBinlogFile, start: number, end: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of file.read(start, end)) pieces.push(piece);
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces);
}

interface Walk {
  /** Where to go on. */
  readonly next: number;
  /** There is a transaction that is not known, or something not understood. */
  readonly isOver: boolean;
}

function walkKnown(bytes: Buffer, start: number, options: HopOptions): Walk {
  let at = start;
  for (;;) {
    const step = stepOver(bytes.subarray(at - start), at, options);
    if (step === 'more') return { next: at, isOver: false };
    if (step === 'stop') return { next: at, isOver: true };
    at += step;
    if (at - start >= bytes.length) return { next: at, isOver: false };
  }
}

/** How far to the next; `more`: the bytes end too early to tell. */
function stepOver(bytes: Buffer, at: number, options: HopOptions): number | 'more' | 'stop' {
  if (bytes.length < EVENT_HEADER_SIZE) return 'more';
  const header = parseEventHeader(bytes);
  if (header.size < EVENT_HEADER_SIZE || header.logPos !== (at + header.size) % 2 ** 32) return 'stop';
  if (header.type === EventType.Rotate || header.type === EventType.Stop) return header.size;
  if (!isGtidEventType(header.type) || header.size > SMALL_READ / 2) return 'stop';
  if (bytes.length < header.size) return 'more';
  return lengthOfKnown(header, bytes, options);
}

function lengthOfKnown(header: EventHeader, bytes: Buffer, options: HopOptions): number | 'stop' {
  const end = header.size - (options.hasChecksum ? CHECKSUM_SIZE : 0);
  try {
    const { gtid, transactionLength = 0 } = parseGtidEvent(
      header.type,
      bytes.subarray(EVENT_HEADER_SIZE, end),
    );
    if (gtid === undefined || transactionLength < header.size || !options.isKnown(gtid)) return 'stop';
    return transactionLength;
  } catch (error) {
    if (hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED')) return 'stop';
    throw error;
  }
}
