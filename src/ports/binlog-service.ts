import type { Tail } from '../core/catch-up/survey-tail.ts';
import type { Gtid } from '../core/gtid/gtid.ts';
import type { Endpoint } from '../core/model/endpoint.ts';
import type { SourceIdentity } from '../core/wire/conversation.ts';
import type { BinlogSource } from './binlog-source.ts';

/** What a binlog service hands to a receiver. */
export interface BinlogOffer {
  readonly files: BinlogSource;
  readonly tail: Tail;
  /** Which of the tail's transactions are handed out. */
  readonly isOffered: (gtid: Gtid) => boolean;
  readonly identity: SourceIdentity;
  /** Asked before each piece: false as soon as the server beside may take writes again. */
  readonly mayServe: () => boolean;
}

/** The server side of MySQL's replication protocol, from binlog files. */
export interface BinlogService {
  /**
   * Listens at `at` until disposed; whoever logs in with the replication account and asks by GTID gets what `offer` gives at that
   * moment. Throws `CONFIG_INVALID` when the port cannot be had. Disposing ends all connections.
   */
  listen(at: Endpoint, offer: () => BinlogOffer | undefined): Promise<BinlogListener>;
}

export interface BinlogListener extends AsyncDisposable {
  /** The one asked for, or the one given when 0 was asked for. */
  readonly port: number;
  /** Ends the connections, and goes on listening. */
  hangUp(): void;
}
