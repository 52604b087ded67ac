import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import type { ChannelStatus } from '../../src/ports/mysql.ts';
import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import type { SimServer } from './sim-mysql-server.ts';

/** What a receiver attaches to: a server, or an agent that hands out a binlog. */
export interface ReplicationSource {
  readonly host: string;
  readonly isRunning: boolean;
  readonly logged: GtidSet;
  readonly onLogged: Set<() => void>;
  readonly onEnd: Set<() => void>;
  acknowledged(received: GtidSet): void;
}

/** The servers and what else is listening where replicas may attach. */
export interface ReplicationWorld {
  readonly clock: EventClock;
  readonly network: Network;
  readonly sources: ReadonlyMap<string, ReplicationSource>;
}

/** Managed replicas get a heartbeat, and try to attach again, each second. */
const BEAT_MS = 1000;
/** replica_net_timeout: a receiver that hears nothing for this long knows that its source is gone. */
const NET_TIMEOUT_MS = 4000;

/** One replication channel of a server. */
export class SimChannel {
  readonly name: string;
  readonly source: Endpoint;
  receiverOn = false;
  applierOn = false;
  retrieved: GtidSet = EMPTY_GTID_SET;
  readonly #world: ReplicationWorld;
  readonly #server: SimServer;
  #attached: ReplicationSource | undefined;
  #heardAt: number | undefined;
  #relayed: { readonly gtids: GtidSet; readonly at: number }[] = [];
  #isSending = false;
  #isBeating = false;

  constructor(
    world: ReplicationWorld,
    server: SimServer,
    to: { readonly name: string; readonly source: Endpoint },
  ) {
    this.#world = world;
    this.#server = server;
    this.name = to.name;
    this.source = to.source;
  }

  get isAttached(): boolean {
    return this.#attached !== undefined;
  }

  start(): void {
    this.receiverOn = this.applierOn = true;
    this.#apply();
    if (!this.#isBeating) this.#beat();
  }

  stopReceiver(): void {
    this.receiverOn = false;
    this.#detach();
  }

  end(): void {
    this.stopReceiver();
    this.applierOn = false;
    this.#relayed = [];
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
      name: this.name,
      source: this.source,
      receiver: this.receiverOn ? (attached ? 'on' : 'connecting') : 'off',
      applier: this.applierOn ? 'on' : 'off',
      retrieved: this.retrieved.toCompactString(),
      lagSeconds: this.applierOn && attached ? (this.#relayed.length === 0 ? 0 : 1) : undefined,
      receiverError: undefined,
      applierError: undefined,
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
      if (source.isRunning && network.passes(source.host, here)) this.#send();
      else if (clock.now - (this.#heardAt ?? 0) > NET_TIMEOUT_MS) this.#detach();
      return;
    }
    const found = sources.get(formatEndpoint(this.source));
    if (found?.isRunning === true && network.passesBoth(found.host, here)) this.#attach(found);
  }

  #attach(source: ReplicationSource): void {
    this.#attached = source;
    this.#heardAt = this.#world.clock.now;
    source.onLogged.add(this.#send);
    source.onEnd.add(this.#ended);
    this.#send();
  }

  #detach(): void {
    this.#attached?.onLogged.delete(this.#send);
    this.#attached?.onEnd.delete(this.#ended);
    this.#attached = undefined;
  }

  /** The kernel of the source's host says so; when the network is cut, it is silence that tells. */
  readonly #ended = (): void => {
    const source = this.#attached;
    if (source !== undefined && this.#world.network.passes(source.host, this.#server.host)) this.#detach();
  };

  /** The source sends what it has more; one packet is on its way at a time. */
  readonly #send = (): void => {
    const source = this.#attached;
    if (source === undefined || this.#isSending || !source.isRunning) return;
    this.#isSending = true;
    const { clock, network } = this.#world;
    const sent = source.logged;
    clock.after(network.latency(source.host, this.#server.host), () => {
      this.#isSending = false;
      if (this.#attached !== source || !network.passes(source.host, this.#server.host)) return;
      this.#server.run(() => this.#received(source, sent));
      if (source.logged !== sent) this.#send();
    });
  };

  #received(source: ReplicationSource, sent: GtidSet): void {
    if (this.#attached !== source) return;
    const { clock, network } = this.#world;
    this.#heardAt = clock.now;
    const fresh = sent.subtract(this.#server.executed).subtract(this.retrieved);
    if (!fresh.isEmpty()) {
      this.retrieved = this.retrieved.union(fresh);
      this.#relayed.push({ gtids: fresh, at: clock.now + this.#server.applyDelayMs });
      clock.after(this.#server.applyDelayMs, () => this.#apply());
    }
    const here = this.#server.host;
    clock.after(network.latency(here, source.host), () => {
      if (network.passes(here, source.host) && source.isRunning) source.acknowledged(sent);
    });
  }

  #apply(): void {
    if (this.#server.isHung) {
      this.#world.clock.after(BEAT_MS, () => this.#apply());
      return;
    }
    if (!this.#server.isUp || !this.applierOn) return;
    const { now } = this.#world.clock;
    const due = this.#relayed.filter(({ at }) => at <= now);
    this.#relayed = this.#relayed.filter(({ at }) => at > now);
    for (const { gtids } of due) this.#server.apply(gtids);
  }
}
