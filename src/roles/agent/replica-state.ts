import type { ReplicationDecision } from '../../core/decide/replication.ts';
import type { Member } from '../../core/model/group.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';

/** What a replica's agent is about to do. */
export interface Due {
  /** `rejoin`: it follows the primary, and a plan waits for that. */
  readonly decision: ReplicationDecision | 'rejoin';
  readonly primary: Endpoint;
  /** Whom to replicate from: the primary, or an intermediate. */
  readonly source: Member;
  readonly recorded: Member;
  readonly primaryId: string;
  readonly epoch: number;
}
