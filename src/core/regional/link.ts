import type { Endpoint } from '../model/endpoint.ts';

/** A server of a region that a channel may receive from, or does. */
export interface RegionalSource {
  readonly endpoint: Endpoint;
  /** TLS on the channel. */
  readonly ssl: boolean;
}

/** What one group receives from one region, as operators want it (`addition/replication/G/REGION`). */
export interface RegionalLink {
  readonly group: string;
  readonly region: string;
  /** The channel's source now; undefined: one is to be chosen. */
  readonly source: RegionalSource | undefined;
  /** Tables that are received, `database.table` with % and _ as in LIKE; [] for all. */
  readonly only: readonly string[];
  /** Tables that are not. */
  readonly ignore: readonly string[];
  /** Server UUIDs that were seen in the region: transactions under them are the region's, whoever is alive there. */
  readonly uuids: readonly string[];
  /** Transactions of the region that this group may have though no server there does: an operator looked at them. */
  readonly accepted: string;
  /** Of the znode. */
  readonly version: number;
}

export function formatSourceTls({ ssl }: RegionalSource): string {
  return ssl ? ' with TLS' : '';
}
