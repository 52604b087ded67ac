import type { Gtid } from '../../src/core/gtid/gtid.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import type { ServerStatus } from '../../src/ports/mysql.ts';
import type { SimChannel } from './sim-channel.ts';

/** An application's connection, through a router. */
export interface ClientSession {
  readonly isOpen: boolean;
  /** The server's end is gone. */
  drop(): void;
}

interface Pending {
  readonly gtid: Gtid;
  readonly session: ClientSession | undefined;
  readonly done: (gtid: Gtid) => void;
}

export interface SimServerOptions {
  readonly host: string;
  readonly number: number;
  /** With it, a transaction is committed in the engine and acknowledged only when a replica has received it. */
  readonly semiSync: boolean;
  readonly applyDelayMs: number;
  readonly changed: () => void;
}

interface Waiter {
  readonly wanted: GtidSet;
  readonly met: () => void;
}

/**
 * One mysqld and its disk. What is in the binlog is committed by the engine a moment later, with semi-sync only after a replica's word; a
 * crash in between leaves it in the binlog, and the recovery commits it though nobody was told.
 */
export class SimServer {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly number: number;
  readonly uuid: string;
  readonly name: string;
  readonly applyDelayMs: number;
  /** In the binlog: what replicas receive, and what is there after a crash. */
  logged: GtidSet = EMPTY_GTID_SET;
  executed: GtidSet = EMPTY_GTID_SET;
  superReadOnly = true;
  isUp = true;
  boots = 0;
  isStalled = false;
  /** When it was last started or continued. */
  runningSince = 0;
  readonly sessions = new Set<ClientSession>();
  readonly channels = new Map<string, SimChannel>();
  /** Told when there is more in the binlog. */
  readonly onLogged = new Set<() => void>();
  readonly onEnd = new Set<() => void>();
  readonly #semiSync: boolean;
  readonly #changed: () => void;
  readonly #pending: Pending[] = [];
  readonly #waiters = new Set<Waiter>();
  #inbox: (() => void)[] = [];
  #isHung = false;
  /** What replicas have told that they received. */
  #confirmed: GtidSet = EMPTY_GTID_SET;

  constructor({ host, number, semiSync, applyDelayMs, changed }: SimServerOptions) {
    this.host = host;
    this.number = number;
    this.endpoint = { host, port: 3306 };
    this.name = formatEndpoint(this.endpoint);
    this.uuid = `00000000-0000-0000-0000-${String(number).padStart(12, '0')}`;
    this.applyDelayMs = applyDelayMs;
    this.#semiSync = semiSync;
    this.#changed = changed;
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  get isRunning(): boolean {
    return this.isUp && !this.#isHung;
  }

  get isWritable(): boolean {
    return this.isRunning && !this.superReadOnly;
  }

  get pid(): number {
    return this.number * 1000 + this.boots;
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
    this.#committed();
  }

  crash(): void {
    if (!this.isUp) return;
    this.isUp = this.#isHung = this.isStalled = false;
    this.#inbox = [];
    this.#pending.length = 0;
    this.#dropSessions();
    for (const channel of this.channels.values()) channel.sourceOrSelfEnded();
    for (const ended of [...this.onEnd]) ended();
    this.#waiters.clear();
    this.#changed();
  }

  /** Read-only, replication off; recovery has committed whatever the binlog holds, and relay logs are thrown away. */
  boot(now: number): void {
    if (this.isUp) return;
    this.isUp = true;
    this.boots += 1;
    this.runningSince = now;
    this.superReadOnly = true;
    this.executed = this.executed.union(this.logged);
    for (const channel of this.channels.values()) channel.afterBoot();
    this.#changed();
  }

  /** Begins a commit; `done` when it is committed, which may be never. */
  commit(session: ClientSession | undefined, done: (gtid: Gtid) => void): void {
    const gtid: Gtid = { uuid: this.uuid, tag: '', number: nextNumber(this.logged, this.uuid) };
    this.logged = this.logged.add(gtid);
    this.#pending.push({ gtid, session, done });
    if (!this.#semiSync) this.#committed();
    for (const told of [...this.onLogged]) told();
  }

  /** A replica says what it has received. */
  acknowledged(received: GtidSet): void {
    if (!this.#semiSync) return;
    this.#confirmed = this.#confirmed.union(received);
    this.#committed();
  }

  /** Nobody writes any more; what waited for a replica's word is committed without it, and nobody is told. */
  fence(): number {
    this.superReadOnly = true;
    const killed = this.sessions.size;
    for (const { gtid } of this.#pending) this.executed = this.executed.add(gtid);
    this.#pending.length = 0;
    this.#dropSessions();
    this.#executedMore();
    this.#changed();
    return killed;
  }

  openWrites(): void {
    this.superReadOnly = false;
    this.#changed();
  }

  unstall(): void {
    this.isStalled = false;
    this.#committed();
  }

  /** A channel's applier. */
  apply(gtids: GtidSet): void {
    this.executed = this.executed.union(gtids);
    this.logged = this.logged.union(gtids);
    this.#executedMore();
    for (const told of [...this.onLogged]) told();
  }

  /** A copy of another server takes the place of its data. */
  replaceWith(other: SimServer): void {
    this.executed = this.logged = other.executed;
    this.channels.clear();
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
      readOnly: this.superReadOnly,
      superReadOnly: this.superReadOnly,
      gtidMode: 'ON',
      executed: this.executed.toCompactString(),
      purged: '',
      channels: [...this.channels.values()].map((channel) => channel.status(now)),
    };
  }

  #committed(): void {
    while (!this.isStalled && !this.#isHung) {
      const [first] = this.#pending;
      if (first === undefined || (this.#semiSync && !this.#confirmed.has(first.gtid))) return;
      this.#pending.shift();
      this.executed = this.executed.add(first.gtid);
      this.#executedMore();
      first.done(first.gtid);
    }
  }

  #executedMore(): void {
    for (const waiter of [...this.#waiters]) {
      if (!this.executed.contains(waiter.wanted)) continue;
      this.#waiters.delete(waiter);
      waiter.met();
    }
  }

  #dropSessions(): void {
    for (const session of [...this.sessions]) session.drop();
    this.sessions.clear();
  }
}

function nextNumber(set: GtidSet, uuid: string): bigint {
  for (const source of set.sources()) {
    if (source.uuid === uuid) return (source.intervals.at(-1)?.end ?? 0n) + 1n;
  }
  return 1n;
}
