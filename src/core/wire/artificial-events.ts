import { Buffer } from 'node:buffer';
import { writeChecksum } from '../binlog/checksum.ts';
import { CHECKSUM_SIZE, EVENT_HEADER_SIZE } from '../binlog/event.ts';
import { EventType, FLAG_ARTIFICIAL, FLAG_IN_USE } from '../binlog/event-types.ts';
import { packedNumber } from './fields.ts';

/** Bytes before the first event of a file. */
export const FIRST_POSITION = 4;

const SIZE_AT = 9;
const LOG_POS_AT = 13;
const FLAGS_AT = 17;
const CREATED_AT = EVENT_HEADER_SIZE + 2 + 50;
const CRC32 = 1;

/** Which file follows: a source begins each one with it (`Binlog_sender::fake_rotate_event`). */
export function rotateEvent(serverId: number, file: string): Buffer {
  const position = Buffer.alloc(8);
  position.writeBigUInt64LE(BigInt(FIRST_POSITION));
  const body = Buffer.concat([position, Buffer.from(file, 'utf8')]);
  return makeEvent({ type: EventType.Rotate, serverId, logPos: 0, flags: FLAG_ARTIFICIAL, body });
}

/**
 * A file's format description for the stream (`Binlog_sender::send_format_description_event`): not in use, and with a checksum
 * announced, for all events are sent with one. `fromStart` false, when transactions before are left out: then it is no beginning
 * of anything, and the applier does not clean up as after a crash of the source.
 */
export function streamedFormatEvent(raw: Buffer, { fromStart }: { readonly fromStart: boolean }): Buffer {
  const event = Buffer.from(raw);
  event.writeUInt16LE(event.readUInt16LE(FLAGS_AT) & ~FLAG_IN_USE, FLAGS_AT);
  if (!fromStart) {
    event.writeUInt32LE(0, LOG_POS_AT);
    event.writeUInt32LE(0, CREATED_AT);
  }
  event[event.length - CHECKSUM_SIZE - 1] = CRC32;
  writeChecksum(event);
  return event;
}

const HEARTBEAT_FILE = 1;
const HEARTBEAT_POSITION = 2;
const HEARTBEAT_END = 0;
const LARGEST_V1 = 0xffff_ffff;

export interface Heartbeat {
  readonly serverId: number;
  readonly file: string;
  /** Never behind what the receiver counts itself, or it gives up. */
  readonly position: number;
  /** The form with 64-bit positions, from 8.0.26 on. */
  readonly v2: boolean;
}

/** `Heartbeat_event` and `Heartbeat_event_v2`: all is well, there is nothing to send. */
export function heartbeatEvent({ serverId, file, position, v2 }: Heartbeat): Buffer {
  const name = Buffer.from(file, 'utf8');
  if (!v2) {
    const logPos = Math.min(position, LARGEST_V1);
    return makeEvent({ type: EventType.Heartbeat, serverId, logPos, flags: 0, body: name });
  }
  const packed = packedNumber(position);
  const body = Buffer.concat([
    packedNumber(HEARTBEAT_FILE),
    packedNumber(name.length),
    name,
    packedNumber(HEARTBEAT_POSITION),
    packedNumber(packed.length),
    packed,
    packedNumber(HEARTBEAT_END),
  ]);
  return makeEvent({ type: EventType.HeartbeatV2, serverId, logPos: 0, flags: 0, body });
}

interface MadeEvent {
  readonly type: number;
  readonly serverId: number;
  readonly logPos: number;
  readonly flags: number;
  readonly body: Buffer;
}

function makeEvent({ type, serverId, logPos, flags, body }: MadeEvent): Buffer {
  const event = Buffer.alloc(EVENT_HEADER_SIZE + body.length + CHECKSUM_SIZE);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(serverId, 5);
  event.writeUInt32LE(event.length, SIZE_AT);
  event.writeUInt32LE(logPos, LOG_POS_AT);
  event.writeUInt16LE(flags, FLAGS_AT);
  body.copy(event, EVENT_HEADER_SIZE);
  writeChecksum(event);
  return event;
}
