/**
 * Numbers of event types: `Log_event_type` in mysql-server's libs/mysql/binlog/event/binlog_event.h. What is left out was written
 * by servers before 5.7 only (or by MariaDB) and is refused as unsupported.
 */
export const EventType = {
  Query: 2,
  Stop: 3,
  Rotate: 4,
  IntVar: 5,
  AppendBlock: 9,
  DeleteFile: 11,
  Rand: 13,
  UserVar: 14,
  FormatDescription: 15,
  Xid: 16,
  BeginLoadQuery: 17,
  ExecuteLoadQuery: 18,
  TableMap: 19,
  WriteRowsV1: 23,
  UpdateRowsV1: 24,
  DeleteRowsV1: 25,
  Incident: 26,
  Heartbeat: 27,
  Ignorable: 28,
  RowsQuery: 29,
  WriteRows: 30,
  UpdateRows: 31,
  DeleteRows: 32,
  Gtid: 33,
  AnonymousGtid: 34,
  PreviousGtids: 35,
  TransactionContext: 36,
  ViewChange: 37,
  XaPrepare: 38,
  PartialUpdateRows: 39,
  TransactionPayload: 40,
  HeartbeatV2: 41,
  GtidTagged: 42,
} as const;

/** `LOG_EVENT_BINLOG_IN_USE_F`: on a format description, the file was not closed (yet). */
export const FLAG_IN_USE = 0x1;
/** `LOG_EVENT_ARTIFICIAL_F`: made up by a source for its stream, not in any file. */
export const FLAG_ARTIFICIAL = 0x20;
/** `LOG_EVENT_RELAY_LOG_F`: on a format description, the file is a relay log. */
export const FLAG_RELAY_LOG = 0x40;
/** `LOG_EVENT_IGNORABLE_F`: who does not know the type may skip it. */
export const FLAG_IGNORABLE = 0x80;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(EventType).map(([name, type]) => [type, name] as const),
);

export function isKnownEventType(type: number): boolean {
  return NAMES.has(type);
}

export function eventTypeName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

/** Any event that carries rows: old and new forms, partial JSON updates too. */
export function isRowsEventType(type: number): boolean {
  return (
    (type >= EventType.WriteRowsV1 && type <= EventType.DeleteRowsV1) ||
    (type >= EventType.WriteRows && type <= EventType.DeleteRows) ||
    type === EventType.PartialUpdateRows
  );
}

/** GTID, anonymous and tagged: each begins a transaction. */
export function isGtidEventType(type: number): boolean {
  return type === EventType.Gtid || type === EventType.AnonymousGtid || type === EventType.GtidTagged;
}
