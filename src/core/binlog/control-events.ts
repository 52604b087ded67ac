import { decodeGtidSet } from '../gtid/gtid-set-encoding.ts';
import type { GtidSet } from '../gtid/gtid-set.ts';
import { corrupt } from './binlog-errors.ts';
import { Cursor } from './cursor.ts';
import { EventType } from './event-types.ts';

/** `Rotate_event`: the file that goes on after this one. */
export interface RotateEvent {
  readonly nextFile: string;
  readonly position: bigint;
}

export function parseRotateEvent(body: Buffer): RotateEvent {
  const cursor = new Cursor(body);
  const position = cursor.u64();
  const nextFile = cursor.rest().toString('utf8');
  if (nextFile === '') throw corrupt('a rotation without the name of the next file');
  return { nextFile, position };
}

/** `Previous_gtids_event`: what was executed before this file began, as far as it is in files that existed then. */
export function parsePreviousGtids(body: Buffer): GtidSet {
  return decodeGtidSet(body);
}

/** `Xid_event`: number of the storage engines' commit. */
export function parseXidEvent(body: Buffer): bigint {
  return new Cursor(body).u64();
}

/** `XA_prepare_event`. */
export interface XaPrepareEvent {
  /** XA COMMIT ... ONE PHASE: the transaction ends here, committed. */
  readonly onePhase: boolean;
  readonly formatId: number;
  readonly globalId: Buffer;
  readonly branch: Buffer;
}

const MAX_XA_PART = 64;

export function parseXaPrepareEvent(body: Buffer): XaPrepareEvent {
  const cursor = new Cursor(body);
  const onePhase = cursor.u8() !== 0;
  const formatId = cursor.u32();
  const [globalLength, branchLength] = [cursor.u32(), cursor.u32()];
  if (globalLength > MAX_XA_PART || branchLength > MAX_XA_PART)
    throw corrupt('an XA identifier that is too long');
  return { onePhase, formatId, globalId: cursor.take(globalLength), branch: cursor.take(branchLength) };
}

/** `Incident_event`: the source says that it lost events. */
export interface IncidentEvent {
  readonly incident: number;
  readonly message: string;
}

export function parseIncidentEvent(body: Buffer): IncidentEvent {
  const cursor = new Cursor(body);
  return { incident: cursor.u16(), message: cursor.take(cursor.u8()).toString('utf8') };
}

/** `Heartbeat_event` and `Heartbeat_event_v2`: where an idle source stands. The first form has the position in its header only. */
export interface HeartbeatEvent {
  readonly file: string;
  readonly position?: bigint;
}

export function parseHeartbeatEvent(type: number, body: Buffer): HeartbeatEvent {
  if (type === EventType.Heartbeat) return { file: body.toString('utf8') };
  const cursor = new Cursor(body);
  let heartbeat: HeartbeatEvent = { file: '' };
  // Fields as (packed type, packed length, value); 0 ends them.
  for (let field = cursor.lenenc(); field !== 0; field = cursor.lenenc()) {
    const value = cursor.sub(cursor.lenenc());
    if (field === 1) heartbeat = { ...heartbeat, file: value.rest().toString('utf8') };
    if (field === 2) heartbeat = { ...heartbeat, position: value.lenencBig() };
    if (field === 2 && value.remaining > 0) throw corrupt('a heartbeat with a position of the wrong length');
  }
  return heartbeat;
}

/** `Rows_query_event`: the text of the statement that changed the rows. Its length byte is cut to 8 bits, so it is ignored. */
export function parseRowsQueryEvent(body: Buffer): Buffer {
  return body.subarray(1);
}
