import type { Gtid } from '../gtid/gtid.ts';
import { corruptAt, locating, type BinlogPosition } from './binlog-errors.ts';
import { eventRole, type EventRole } from './event-role.ts';
import type { ScannedEvent } from './event-scanner.ts';
import { parseGtidEvent, type GtidEvent } from './gtid-event.ts';

/** How a transaction ends. `statement`: DDL, XA COMMIT, XA ROLLBACK and the like, which are one Query event alone. */
export type TransactionEnding = 'commit' | 'rollback' | 'prepare' | 'payload' | 'statement' | 'incident';

/** Where a transaction stands in its file. */
export interface Transaction {
  readonly file: string;
  /** Offset of its first event: the GTID event, where there is one. */
  readonly start: number;
  /** Offset just past its last event. */
  readonly end: number;
  readonly events: number;
  /** Seconds since 1970, of its first event. */
  readonly timestamp: number;
  readonly serverId: number;
  readonly ending: TransactionEnding;
  /** Undefined: anonymous. */
  readonly gtid: Gtid | undefined;
  /** What its GTID event says; undefined where a server older than 5.7 wrote none. */
  readonly header: GtidEvent | undefined;
}

/** What the event just given is to the transactions. */
export type Grouped =
  | { readonly kind: 'outside' }
  | { readonly kind: 'first'; readonly header: GtidEvent | undefined }
  | { readonly kind: 'inside' }
  | { readonly kind: 'last'; readonly transaction: Transaction };

interface Open {
  readonly start: number;
  readonly timestamp: number;
  readonly serverId: number;
  readonly header: GtidEvent | undefined;
  events: number;
  /** After BEGIN or XA START: it ends with a commit, not with its first statement. */
  hasBegun: boolean;
}

const OUTSIDE: Grouped = { kind: 'outside' };
const INSIDE: Grouped = { kind: 'inside' };

/**
 * Groups the events of a file to transactions. What contradicts itself is BINLOG_CORRUPT; in a relay log an interrupted transaction
 * is not, because a receiver that lost its source begins it anew.
 */
export class TransactionGrouper {
  readonly #file: string;
  readonly #isRelayLog: () => boolean;
  #open: Open | undefined;

  constructor(file: string, isRelayLog: () => boolean = () => false) {
    this.#file = file;
    this.#isRelayLog = isRelayLog;
  }

  /** Where the transaction begins that has not ended yet. */
  get openSince(): number | undefined {
    return this.#open?.start;
  }

  /** `body` is the event's, without checksum, and may be cut off after `bytesForRole`. Throws BINLOG_CORRUPT, BINLOG_UNSUPPORTED. */
  accept(event: ScannedEvent, body: Buffer): Grouped {
    const at = { file: this.#file, position: event.offset };
    return locating(at, () => this.#group(event, body, eventRole(event.header, body, at), at));
  }

  #group(event: ScannedEvent, body: Buffer, role: EventRole, at: BinlogPosition): Grouped {
    if (role === 'header') return this.#start(event, parseGtidEvent(event.header.type, body), at);
    if (role === 'outside') return this.#open === undefined ? OUTSIDE : this.#continue(this.#open);
    const isFirst = this.#open === undefined;
    const open = this.#open ?? begin(event, undefined);
    this.#open = open;
    if (role === 'begin') {
      if (open.hasBegun) throw corruptAt(at, 'a transaction begins inside another');
      open.hasBegun = true;
    }
    const ending = endingOf(role, open.hasBegun);
    if (ending !== undefined) return this.#finish(open, event, ending, at);
    open.events++;
    return isFirst ? { kind: 'first', header: undefined } : INSIDE;
  }

  #start(event: ScannedEvent, header: GtidEvent, at: BinlogPosition): Grouped {
    if (this.#open !== undefined && !this.#isRelayLog()) {
      throw corruptAt(at, `a transaction begins while the one of ${this.#open.start} has not ended`);
    }
    this.#open = { ...begin(event, header), events: 1 };
    return { kind: 'first', header };
  }

  #continue(open: Open): Grouped {
    open.events++;
    return INSIDE;
  }

  #finish(
    open: Open,
    { header, offset }: ScannedEvent,
    ending: TransactionEnding,
    at: BinlogPosition,
  ): Grouped {
    // A relay log may begin in the middle of a transaction.
    if (NEEDS_BEGIN.has(ending) && !open.hasBegun && !this.#isRelayLog())
      throw corruptAt(at, `a ${ending} without a beginning`);
    const end = offset + header.size;
    const told = open.header?.transactionLength ?? 0;
    // 0: not told. The source may have had another checksum setting than the relay log, so lengths there may differ.
    if (told !== 0 && told !== end - open.start && !this.#isRelayLog()) {
      throw corruptAt(at, `the transaction has ${end - open.start} bytes, its beginning says ${told}`);
    }
    this.#open = undefined;
    const { start, timestamp, serverId, header: gtidEvent } = open;
    const gtid = gtidEvent?.gtid;
    const events = open.events + 1;
    const transaction = {
      file: this.#file,
      start,
      end,
      events,
      timestamp,
      serverId,
      ending,
      gtid,
      header: gtidEvent,
    };
    return { kind: 'last', transaction };
  }
}

const NEEDS_BEGIN: ReadonlySet<TransactionEnding> = new Set(['commit', 'rollback', 'prepare']);

function begin({ offset, header }: ScannedEvent, gtidEvent: GtidEvent | undefined): Open {
  const { timestamp, serverId } = header;
  return { start: offset, timestamp, serverId, header: gtidEvent, events: 0, hasBegun: false };
}

const ENDINGS: ReadonlyMap<EventRole, TransactionEnding> = new Map<EventRole, TransactionEnding>([
  ['commit', 'commit'],
  ['rollback', 'rollback'],
  ['prepare', 'prepare'],
  ['payload', 'payload'],
  ['incident', 'incident'],
]);

function endingOf(role: EventRole, hasBegun: boolean): TransactionEnding | undefined {
  if (role === 'statement') return hasBegun ? undefined : 'statement';
  if (role === 'xa-rollback') return hasBegun ? 'rollback' : 'statement';
  return ENDINGS.get(role);
}
