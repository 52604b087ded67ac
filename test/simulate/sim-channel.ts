import { formatGtid } from '../../src/core/gtid/gtid.ts';
import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { isRegional } from '../../src/core/regional/channel.ts';
import type { ChannelStatus } from '../../src/ports/mysql.ts';
import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import { asReceived } from './region-filter.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { Transaction } from './sim-transaction.ts';

/** What a receiver attaches to: a server, or an agent that hands out a binlog. */
export interface ReplicationSource {
  readonly host: string;
  readonly isRunning: boolean;
  /** Its binlog, oldest first; another array when it was begun anew. */
  readonly transactions: readonly Transaction[];
  /** What it has executed and cannot send. */
  readonly purged: GtidSet;
  readonly receivers: Set<Receiver>;
  acknowledged(receiver: Receiver, upTo: number): void;
}

/** One that is attached. */
export interface Receiver {
  /** Of its server. */
  readonly name: string;
  /** For semi-sync. */
  readonly acknowledges: boolean;
  /** There is more. */
  send(): void;
  sourceEnded(): void;
}

/** The servers and what else is listening where replicas may attach. */
export interface ReplicationWorld {
  readonly clock: EventClock;
  readonly network: Network;
  readonly sources: ReadonlyMap<string, ReplicationSource>;
  /** How long the binlog of a server takes to its replicas, beyond what the network does, ms. */
  readonly replicationDelayMs: number;
}

/** Managed replicas get a heartbeat, and try to attach again, each second. */
const BEAT_MS = 1000;
/** replica_net_timeout: a receiver that hears nothing for this long knows that its source is gone. */
const NET_TIMEOUT_MS = 4000;

/** Until an applier looks again whether another one has committed what it has, too. */
const BUSY_MS = 50;

/** One replication channel of a server. */
export class SimChannel implements Receiver {
  readonly channel: string;
  readonly source: Endpoint;
  readonly isRegional: boolean;
  acknowledges = false;
  receiverOn = false;
  applierOn = false;
  retrieved: GtidSet = EMPTY_GTID_SET;
  /** Nothing else is applied until all of it is: `START REPLICA UNTIL`. */
  until: GtidSet | undefined;
  readonly #world: ReplicationWorld;
  readonly #server: SimServer;
  #attached: ReplicationSource | undefined;
  #heardAt: number | undefined;
  #relayed: { readonly transaction: Transaction; readonly at: number }[] = [];
  /** The source's binlog as it was when this attached, and how much of it is here. */
  #from: readonly Transaction[] = [];
  #place = 0;
  #receiverError: string | undefined;
  #applierError: string | undefined;
  #isSending = false;
  /** What its regional applier is committing. */
  #committing: Transaction | undefined;
  #isBeating = false;

  constructor(
    world: ReplicationWorld,
    server: SimServer,
    to: { readonly name: string; readonly source: Endpoint },
  ) {
    this.#world = world;
    this.#server = server;
    this.channel = to.name;
    this.isRegional = isRegional(to.name);
    this.source = to.source;
  }

  get name(): string {
    return this.#server.name;
  }

  get isAttached(): boolean {
    return this.#attached !== undefined;
  }

  start(): void {
    this.receiverOn = this.applierOn = true;
    this.until = this.#receiverError = this.#applierError = undefined;
    this.#apply();
    if (!this.#isBeating) this.#beat();
  }

  /** One that runs and is attached is left alone. */
  startAgain(): void {
    if (this.isAttached && this.applierOn) return;
    this.stopReceiver();
    this.start();
  }

  stopApplier(): void {
    this.applierOn = false;
  }

  applyUntil(until: GtidSet): void {
    this.receiverOn = this.applierOn = true;
    if (!this.#isBeating) this.#beat();
    this.until = until;
    this.#apply();
  }

  stopReceiver(): void {
    this.receiverOn = false;
    this.#detach();
  }

  end(): void {
    this.stopReceiver();
    this.applierOn = false;
    this.#relayed = [];
    this.#committing = undefined;
  }

  sourceOrSelfEnded(): void {
    this.#detach();
  }

  /** relay_log_recovery: what was received and not applied is fetched anew. */
  afterBoot(): void {
    this.end();
    this.retrieved = EMPTY_GTID_SET;
  }

  status(now: number): ChannelStatus {
    const attached = this.isAttached;
    return {
      name: this.channel,
      source: this.source,
      receiver: this.receiverOn ? (attached ? 'on' : 'connecting') : 'off',
      applier: this.applierOn ? 'on' : 'off',
      retrieved: this.retrieved.toCompactString(),
      lagSeconds: this.applierOn && attached ? (this.#relayed.length === 0 ? 0 : 1) : undefined,
      receiverError: this.#receiverError,
      applierError: this.#applierError,
      lastHeardMs: this.#heardAt === undefined ? undefined : now - this.#heardAt,
    };
  }

  #beat(): void {
    if (!this.receiverOn) {
      this.#isBeating = false;
      return;
    }
    this.#isBeating = true;
    if (this.#server.isRunning) this.#look();
    this.#world.clock.after(BEAT_MS, () => this.#beat());
  }

  #look(): void {
    const { network, clock, sources } = this.#world;
    const here = this.#server.host;
    const source = this.#attached;
    if (source !== undefined) {
      if (source.isRunning && network.passes(source.host, here)) this.send();
      else if (clock.now - (this.#heardAt ?? 0) > NET_TIMEOUT_MS) this.#detach();
      return;
    }
    const found = sources.get(formatEndpoint(this.source));
    if (found?.isRunning === true && network.passesBoth(found.host, here)) this.#attach(found);
  }

  #attach(source: ReplicationSource): void {
    this.#heardAt = this.#world.clock.now;
    if (!this.#server.executed.union(this.retrieved).contains(source.purged)) {
      this.#receiverError = '1236: the source purged binary logs that the replica needs';
      this.receiverOn = false;
      return;
    }
    this.#attached = source;
    this.#from = source.transactions;
    this.#place = 0;
    this.acknowledges = this.#server.semiSync?.replica === true;
    source.receivers.add(this);
    this.send();
  }

  #detach(): void {
    this.#attached?.receivers.delete(this);
    this.#attached = undefined;
  }

  /** The kernel of the source's host says so; when the network is cut, it is silence that tells. */
  sourceEnded(): void {
    const source = this.#attached;
    if (source !== undefined && this.#world.network.passes(source.host, this.#server.host)) this.#detach();
  }

  /** The source sends what it has more; one packet is on its way at a time. */
  send(): void {
    const source = this.#attached;
    if (source === undefined || this.#isSending || !source.isRunning) return;
    // Another binlog, or another process: the connection is none any more.
    if (source.transactions !== this.#from || !source.receivers.has(this)) {
      this.#detach();
      return;
    }
    this.#isSending = true;
    const { clock, network, replicationDelayMs } = this.#world;
    const end = this.#from.length;
    const delayMs = end > this.#place ? replicationDelayMs : 0;
    clock.after(network.latency(source.host, this.#server.host) + delayMs, () => {
      this.#isSending = false;
      if (this.#attached !== source || !network.passes(source.host, this.#server.host)) return;
      this.#server.run(() => this.#received(source, end));
      if (this.#from.length > end) this.send();
    });
  }

  #received(source: ReplicationSource, end: number): void {
    if (this.#attached !== source) return;
    const { clock, network } = this.#world;
    this.#heardAt = clock.now;
    for (; this.#place < end; this.#place += 1) this.#relay(this.#from[this.#place]);
    const here = this.#server.host;
    clock.after(network.latency(here, source.host), () => {
      if (network.passes(here, source.host) && source.isRunning && this.acknowledges)
        source.acknowledged(this, end);
    });
  }

  #relay(transaction: Transaction | undefined): void {
    if (transaction === undefined) return;
    const { gtid } = transaction;
    if (this.#server.executed.has(gtid) || this.retrieved.has(gtid)) return;
    const { clock } = this.#world;
    this.retrieved = this.retrieved.add(gtid);
    this.#relayed.push({
      transaction: this.isRegional ? asReceived(transaction) : transaction,
      at: clock.now + this.#server.applyDelayMs,
    });
    clock.after(this.#server.applyDelayMs, () => this.#apply());
  }

  #apply(): void {
    if (this.#server.isHung) {
      this.#world.clock.after(BEAT_MS, () => this.#apply());
      return;
    }
    if (!this.#server.isUp || !this.applierOn) return;
    const { now } = this.#world.clock;
    for (let [next] = this.#relayed; next !== undefined && next.at <= now; [next] = this.#relayed) {
      if (!this.#isExecuted(next.transaction)) return;
      this.#relayed.shift();
    }
  }

  /** By then; false when it takes longer, or cannot be. */
  #isExecuted(transaction: Transaction): boolean {
    const { gtid } = transaction;
    const server = this.#server;
    if (this.until?.has(gtid) === false) return false;
    if (server.executed.has(gtid)) return true;
    if (server.channels.size > 1 && this.#committing !== transaction && server.isCommitting(gtid)) {
      this.#world.clock.after(BUSY_MS, () => this.#apply());
      return false;
    }
    if (this.#execute(transaction)) return server.executed.has(gtid);
    this.#applierError = `1032: cannot apply ${formatGtid(gtid)}`;
    this.applierOn = false;
    return false;
  }

  #execute(transaction: Transaction): boolean {
    if (!this.isRegional) return this.#server.apply(transaction);
    if (this.#committing === transaction) return true;
    this.#committing = transaction;
    return this.#server.applyAsSource(transaction, () => this.#world.clock.after(0, () => this.#apply()));
  }
}
