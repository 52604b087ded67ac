import type { SourceSettings } from '../../src/ports/semi-sync.ts';

/** What a server's configuration file says of semi-sync; dcmha changes it while the server runs, and a restart undoes that. */
export interface SemiSyncDefaults {
  readonly source: SourceSettings;
  readonly replica: boolean;
}

/** The operator's: on, whoever is the primary, and a commit waits for one replica without end. */
export const alwaysOn: SemiSyncDefaults = {
  source: { enabled: true, acks: 1, timeoutMs: 1e12, waitWithoutReplicas: true },
  replica: true,
};

/** As the plugins come. */
export const switchedOff: SemiSyncDefaults = {
  source: { enabled: false, acks: 1, timeoutMs: 10_000, waitWithoutReplicas: true },
  replica: false,
};

/** The semi-synchronous plugins of one server. A commit that waits does so without end: no world has a timeout. */
export class SemiSyncPlugin {
  source: SourceSettings;
  /** Takes effect when its receiver attaches next. */
  replica: boolean;
  acknowledged = 0;
  unacknowledged = 0;
  readonly #defaults: SemiSyncDefaults;
  /** How much of the binlog each replica has told that it received. */
  #received = new Map<string, number>();

  constructor(defaults: SemiSyncDefaults) {
    this.#defaults = defaults;
    this.source = defaults.source;
    this.replica = defaults.replica;
  }

  restart(): void {
    this.source = this.#defaults.source;
    this.replica = this.#defaults.replica;
    this.acknowledged = this.unacknowledged = 0;
    this.forget();
  }

  /** Another binlog is begun. */
  forget(): void {
    this.#received = new Map();
  }

  isOn(clients: number): boolean {
    const { enabled, waitWithoutReplicas, acks } = this.source;
    return enabled && (waitWithoutReplicas || clients >= acks);
  }

  hasReceived(replica: string, upTo: number): void {
    this.#received.set(replica, Math.max(upTo, this.#received.get(replica) ?? 0));
  }

  /** Whether the commit of the transaction at this place of the binlog must wait. */
  mustWait(place: number, clients: number): boolean {
    if (!this.isOn(clients)) return false;
    let acks = 0;
    for (const received of this.#received.values()) if (received > place) acks += 1;
    return acks < this.source.acks;
  }

  /** A commit is over; nobody waits for it any more. */
  count(wasAcknowledged: boolean): void {
    if (wasAcknowledged) this.acknowledged += 1;
    else if (this.source.enabled) this.unacknowledged += 1;
  }
}
