import type { Gtid } from '../../src/core/gtid/gtid.ts';
import { EMPTY_GTID_SET, GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import type { ServerStatus } from '../../src/ports/mysql.ts';
import { SemiSyncPlugin, type SemiSyncDefaults } from './semi-sync-plugin.ts';
import type { Receiver, SimChannel } from './sim-channel.ts';
import { SimLog } from './sim-log.ts';
import { inverse, SimTables, type Change } from './sim-tables.ts';
import type { Transaction } from './sim-transaction.ts';

/** An application's connection, through a router. */
export interface ClientSession {
  readonly isOpen: boolean;
  /** The server's end is gone. */
  drop(): void;
}

interface Pending {
  readonly transaction: Transaction;
  /** In the binlog. */
  readonly place: number;
  readonly done: (transaction: Transaction) => void;
}

export interface SimServerOptions {
  readonly host: string;
  readonly number: number;
  /** With it, a transaction is committed in the engine and acknowledged only when enough replicas have received it. */
  readonly semiSync: SemiSyncDefaults | undefined;
  readonly applyDelayMs: number;
  readonly changed: () => void;
}

interface Waiter {
  readonly wanted: GtidSet;
  readonly met: () => void;
}

/**
 * One mysqld and its disk. What is in the binlog is committed by the engine a moment later, with semi-sync only after the replicas' word; a
 * crash in between leaves it prepared, and the recovery commits it though nobody was told, unless it is not in the binlog any more.
 */
export class SimServer {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly number: number;
  uuid: string;
  readonly name: string;
  readonly applyDelayMs: number;
  readonly log: SimLog;
  /** With what is prepared. */
  tables = new SimTables();
  executed: GtidSet = EMPTY_GTID_SET;
  /** Executed, and in the binlog no more. */
  purged: GtidSet = EMPTY_GTID_SET;
  superReadOnly = true;
  readOnly = true;
  isUp = true;
  boots = 0;
  isStalled = false;
  /** When it was last started or continued. */
  runningSince = 0;
  readonly sessions = new Set<ClientSession>();
  readonly channels = new Map<string, SimChannel>();
  readonly receivers = new Set<Receiver>();
  readonly onEnd = new Set<() => void>();
  readonly semiSync: SemiSyncPlugin | undefined;
  /** Rollbacks that were committed, by their plans. */
  marks = new Set<string>();
  /** What is in its tables, by what it was and not by its name. */
  history = new Set<Transaction>();
  readonly #changed: () => void;
  readonly #pending: Pending[] = [];
  /** What was pending when it crashed, until it is started. */
  #prepared: readonly Transaction[] = [];
  /** All that is executed or in the binlog. */
  #named: GtidSet = EMPTY_GTID_SET;
  readonly #waiters = new Set<Waiter>();
  #inbox: (() => void)[] = [];
  #isHung = false;

  constructor({ host, number, semiSync, applyDelayMs, changed }: SimServerOptions) {
    this.host = host;
    this.number = number;
    this.endpoint = { host, port: 3306 };
    this.name = formatEndpoint(this.endpoint);
    this.uuid = `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
    this.applyDelayMs = applyDelayMs;
    this.log = new SimLog(number);
    this.semiSync = semiSync && new SemiSyncPlugin(semiSync);
    this.#changed = changed;
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  get isRunning(): boolean {
    return this.isUp && !this.#isHung;
  }

  /** By applications. */
  get isWritable(): boolean {
    return this.isRunning && !this.readOnly;
  }

  get pid(): number {
    return this.number * 1000 + this.boots;
  }

  get transactions(): readonly Transaction[] {
    return this.log.transactions;
  }

  /** Receivers attached that acknowledge. */
  get semiSyncClients(): number {
    return [...this.receivers].filter(({ acknowledges }) => acknowledges).length;
  }

  /** Commits that wait. */
  get waiting(): number {
    return this.#pending.length;
  }

  /** What came over a connection. A hung server does it when it goes on, whoever waits for the answer. */
  run(work: () => void): void {
    if (!this.isUp) return;
    if (this.#isHung) this.#inbox.push(work);
    else work();
  }

  hang(): void {
    this.#isHung = true;
    this.#changed();
  }

  goOn(now: number): void {
    if (!this.#isHung) return;
    this.#isHung = false;
    this.runningSince = now;
    const inbox = this.#inbox;
    this.#inbox = [];
    this.#changed();
    for (const work of inbox) this.run(work);
    this.commitMore();
  }

  crash(): void {
    if (!this.isUp) return;
    this.isUp = this.#isHung = this.isStalled = false;
    this.#inbox = [];
    this.#prepared = this.#pending.map(({ transaction }) => transaction);
    this.#pending.length = 0;
    this.#dropSessions();
    for (const channel of this.channels.values()) channel.sourceOrSelfEnded();
    this.#dropReceivers();
    for (const ended of [...this.onEnd]) ended();
    this.#waiters.clear();
    this.#changed();
  }

  /** Read-only, replication off; recovery has committed what is prepared if the binlog holds it, and relay logs are thrown away. */
  boot(now: number): void {
    if (this.isUp) return;
    this.isUp = true;
    this.boots += 1;
    this.runningSince = now;
    this.superReadOnly = this.readOnly = true;
    this.#recover();
    this.log.rotate(this.executed);
    this.semiSync?.restart();
    for (const channel of this.channels.values()) channel.afterBoot();
    this.#changed();
  }

  #recover(): void {
    const logged = new Set(this.transactions);
    for (const transaction of this.#prepared.toReversed()) {
      if (logged.has(transaction)) this.executed = this.executed.add(transaction.gtid);
      else this.#undo(transaction);
    }
    this.#prepared = [];
    // What is in the binlog, whatever of it the engine has committed before, less what was cut off.
    const inLog = GtidSet.fromGtids(this.transactions.map(({ gtid }) => gtid));
    this.executed = this.executed.union(inLog);
    this.purged = this.executed.subtract(inLog);
    this.#named = this.executed;
  }

  /** Begins a commit; `done` when it is committed, which may be never. */
  commit(changes: readonly Change[], done: (transaction: Transaction) => void): void {
    this.#begin(
      { gtid: { uuid: this.uuid, tag: '', number: freeNumber(this.#named, this.uuid) }, changes },
      done,
    );
  }

  /** Over another channel, or by a client: nobody else executes it meanwhile. */
  isCommitting(gtid: Gtid): boolean {
    return this.#named.has(gtid) && !this.executed.has(gtid);
  }

  /** An empty transaction of this name, unless there is one. */
  takeName(gtid: Gtid, done: () => void): void {
    if (this.#named.has(gtid)) this.whenExecuted(GtidSet.fromGtids([gtid]), done);
    else this.#begin({ gtid, changes: [] }, done);
  }

  #begin(transaction: Transaction, done: (transaction: Transaction) => void): void {
    for (const change of transaction.changes) this.tables.apply(change);
    this.#prepare(transaction, done);
  }

  #prepare(transaction: Transaction, done: (transaction: Transaction) => void): void {
    const place = this.transactions.length;
    this.#append(transaction);
    this.#pending.push({ transaction, place, done });
    this.commitMore();
    for (const receiver of [...this.receivers]) receiver.send();
  }

  /** A replica says how much of the binlog it has received. */
  acknowledged(receiver: Receiver, upTo: number): void {
    this.semiSync?.hasReceived(receiver.name, upTo);
    this.commitMore();
  }

  /** Nobody writes any more; what waited for a replica's word is committed without it, and nobody is told. */
  fence(): void {
    this.superReadOnly = this.readOnly = true;
    for (const channel of this.channels.values()) if (channel.isRegional) channel.stopApplier();
    for (const { transaction } of this.#pending) {
      this.executed = this.executed.add(transaction.gtid);
      this.semiSync?.count(false);
    }
    this.#pending.length = 0;
    this.#executedMore();
    this.#changed();
  }

  endSessions(): number {
    const killed = this.sessions.size;
    this.#dropSessions();
    return killed;
  }

  setReadOnly(how: { readonly readOnly: boolean; readonly superReadOnly: boolean }): void {
    this.readOnly = how.readOnly;
    this.superReadOnly = how.superReadOnly;
    this.#changed();
  }

  unstall(): void {
    this.isStalled = false;
    this.commitMore();
  }

  /** A channel's applier. False when its rows are not what they were at the source. */
  apply(transaction: Transaction): boolean {
    if (!this.#change(transaction.changes)) return false;
    this.executed = this.executed.add(transaction.gtid);
    this.#append(transaction);
    this.#executedMore();
    for (const receiver of [...this.receivers]) receiver.send();
    return true;
  }

  /** A regional channel's applier: its commits wait as those of clients do. False when its rows are not what they were at the source. */
  applyAsSource(transaction: Transaction, done: () => void): boolean {
    if (!this.#change(transaction.changes)) return false;
    this.#prepare(transaction, done);
    return true;
  }

  /** One transaction that is not logged, with its mark. False when the rows are not there as they should be. */
  takeBack(plan: string, changes: readonly Change[]): boolean {
    if (!this.#change(changes)) return false;
    this.marks.add(plan);
    return true;
  }

  /** What applications can read now. */
  committedTables(): SimTables {
    const tables = this.tables.copy();
    for (const { transaction } of this.#pending.toReversed())
      for (const change of transaction.changes.toReversed()) tables.apply(inverse(change));
    return tables;
  }

  /** `RESET BINARY LOGS AND GTIDS`, and then `gtid_purged`. */
  beginLog(purged: GtidSet): void {
    this.executed = this.purged = this.#named = purged;
    if (!purged.isEmpty()) this.history = new Set([...this.history].filter(({ gtid }) => purged.has(gtid)));
    this.log.begin(purged);
    this.semiSync?.forget();
    this.#dropReceivers();
  }

  /** A copy of another server takes the place of its data. */
  replaceWith(other: SimServer): void {
    this.#prepared = [];
    this.tables = other.committedTables();
    this.marks = new Set(other.marks);
    this.history = new Set(other.history);
    this.channels.clear();
    this.beginLog(other.executed);
  }

  whenExecuted(wanted: GtidSet, met: () => void): () => void {
    const waiter = { wanted, met };
    this.#waiters.add(waiter);
    this.#executedMore();
    return () => this.#waiters.delete(waiter);
  }

  status(now: number): ServerStatus {
    return {
      serverUuid: this.uuid,
      serverId: this.number,
      version: '9.7.4',
      readOnly: this.readOnly,
      superReadOnly: this.superReadOnly,
      gtidMode: 'ON',
      executed: this.executed.toCompactString(),
      owned: GtidSet.fromGtids(this.#pending.map(({ transaction }) => transaction.gtid)).toCompactString(),
      purged: this.purged.toCompactString(),
      channels: [...this.channels.values()].map((channel) => channel.status(now)),
    };
  }

  /** Commits what waits, as far as it may. */
  commitMore(): void {
    while (!this.isStalled && !this.#isHung) {
      const [first] = this.#pending;
      const clients = this.semiSync === undefined ? 0 : this.semiSyncClients;
      if (first === undefined || this.semiSync?.mustWait(first.place, clients) === true) return;
      this.semiSync?.count(this.semiSync.isOn(clients));
      this.#pending.shift();
      this.executed = this.executed.add(first.transaction.gtid);
      this.#executedMore();
      first.done(first.transaction);
    }
  }

  #append(transaction: Transaction): void {
    this.history.add(transaction);
    this.log.add(transaction, this.#named);
    this.#named = this.#named.add(transaction.gtid);
  }

  /** All of it, or nothing. */
  #change(changes: readonly Change[]): boolean {
    for (const [at, change] of changes.entries()) {
      if (this.tables.apply(change)) continue;
      for (const done of changes.slice(0, at).toReversed()) this.tables.apply(inverse(done));
      return false;
    }
    return true;
  }

  #undo(transaction: Transaction): void {
    this.history.delete(transaction);
    for (const change of transaction.changes.toReversed()) this.tables.apply(inverse(change));
  }

  #executedMore(): void {
    for (const waiter of [...this.#waiters]) {
      if (!this.executed.contains(waiter.wanted)) continue;
      this.#waiters.delete(waiter);
      waiter.met();
    }
  }

  #dropReceivers(): void {
    for (const receiver of [...this.receivers]) receiver.sourceEnded();
    this.receivers.clear();
  }

  #dropSessions(): void {
    for (const session of [...this.sessions]) session.drop();
    this.sessions.clear();
  }
}

/** The lowest that nobody has, as the server counts after a restart: also one that was taken back. */
function freeNumber(set: GtidSet, uuid: string): bigint {
  for (const source of set.sources()) {
    const first = source.uuid === uuid ? source.intervals[0] : undefined;
    if (first !== undefined) return first.start > 1n ? 1n : first.end + 1n;
  }
  return 1n;
}
