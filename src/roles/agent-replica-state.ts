import type { ReplicationDecision } from '../core/decide/replication.ts';
import type { Endpoint } from '../core/model/endpoint.ts';

/** What a replica's agent is about to do. */
export interface Due {
  /** `rejoin`: it follows the primary, and a plan waits for that. */
  readonly decision: ReplicationDecision | 'rejoin';
  readonly primary: Endpoint;
  readonly primaryId: string;
  readonly epoch: number;
}

/** Transactions of this server that the primary of `epoch` lacks, confirmed, and why it is left as it is until then (monotonic, ms). */
export interface StandingOut {
  readonly epoch: number;
  readonly incarnation: number;
  readonly gtids: string;
  readonly why: string;
  readonly until: number;
}
