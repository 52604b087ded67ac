import { unsupportedAt, type BinlogPosition } from './binlog-errors.ts';
import { parseXaPrepareEvent } from './control-events.ts';
import { EVENT_HEADER_SIZE, type EventHeader } from './event.ts';
import {
  EventType,
  eventTypeName,
  FLAG_IGNORABLE,
  isGtidEventType,
  isKnownEventType,
  isRowsEventType,
} from './event-types.ts';
import { QUERY_START_BYTES, queryText } from './query-event.ts';

/**
 * What an event is to the transaction it stands in, as mysql-server's `Transaction_boundary_parser` sees it.
 * `statement` ends a transaction that BEGIN did not open and is a part of one that it did; `xa-rollback` ends both kinds.
 */
export type EventRole =
  | 'header'
  | 'begin'
  | 'part'
  | 'statement'
  | 'commit'
  | 'rollback'
  | 'xa-rollback'
  | 'prepare'
  | 'payload'
  | 'incident'
  | 'outside';

// Enough for a GTID event of today several times over; a damaged size must not make more of it.
const MAX_SMALL_EVENT = 64 * 1024;

/** How much of an event `eventRole` must see, from its header on. */
export function bytesForRole({ type }: EventHeader): number {
  if (type === EventType.Query) return QUERY_START_BYTES;
  if (isGtidEventType(type) || type === EventType.XaPrepare) return MAX_SMALL_EVENT;
  return EVENT_HEADER_SIZE;
}

const ROLES: ReadonlyMap<number, EventRole> = new Map<number, EventRole>([
  [EventType.Gtid, 'header'],
  [EventType.AnonymousGtid, 'header'],
  [EventType.GtidTagged, 'header'],
  [EventType.Xid, 'commit'],
  [EventType.TransactionPayload, 'payload'],
  [EventType.Incident, 'incident'],
  [EventType.ExecuteLoadQuery, 'statement'],
  [EventType.IntVar, 'part'],
  [EventType.Rand, 'part'],
  [EventType.UserVar, 'part'],
  [EventType.BeginLoadQuery, 'part'],
  [EventType.AppendBlock, 'part'],
  [EventType.DeleteFile, 'part'],
  [EventType.TableMap, 'part'],
  [EventType.RowsQuery, 'part'],
  [EventType.TransactionContext, 'part'],
  [EventType.ViewChange, 'part'],
]);

/**
 * `body` may be cut off after `bytesForRole`. An event type not known counts as outside when its flag says that it may be ignored, else it is
 * refused: BINLOG_UNSUPPORTED.
 */
export function eventRole(header: EventHeader, body: Buffer, at: BinlogPosition): EventRole {
  const { type } = header;
  if (isRowsEventType(type)) return 'part';
  if (type === EventType.Query) return queryRole(body);
  if (type === EventType.XaPrepare) return parseXaPrepareEvent(body).onePhase ? 'commit' : 'prepare';
  const role = ROLES.get(type);
  if (role !== undefined) return role;
  if (isKnownEventType(type) || (header.flags & FLAG_IGNORABLE) !== 0) return 'outside';
  throw unsupportedAt(
    at,
    `event of ${eventTypeName(type)}, which this version does not know and may not skip`,
  );
}

// Longer than each word that is looked for.
const TEXT_LENGTH = 16;

function queryRole(body: Buffer): EventRole {
  const text = queryText(body, TEXT_LENGTH);
  if (text === 'BEGIN' || text.startsWith('XA START')) return 'begin';
  if (text === 'COMMIT') return 'commit';
  const upper = text.toUpperCase();
  if (upper.startsWith('ROLLBACK')) return upper.startsWith('ROLLBACK TO ') ? 'statement' : 'rollback';
  return upper.startsWith('XA ROLLBACK') ? 'xa-rollback' : 'statement';
}
