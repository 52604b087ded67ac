import type { Probe } from '../../ports/mysql.ts';
import type { ApprovalRequest } from './approval.ts';
import type { Pause } from './pause.ts';
import type { Member, PresenceRecord, PrimaryRecord, Route, Watermark } from './group.ts';

/** One server as one coordinator saw it at one moment. */
export interface MemberView {
  readonly member: Member;
  /** What its agent says; undefined when its presence is gone. */
  readonly presence: PresenceRecord | undefined;
  /** This coordinator's own attempt; undefined when there was no reason to ask. */
  readonly probe: Probe | undefined;
  /** When the replica was taken off the read list, ms since 1970; undefined when it was not. */
  readonly offSince: number | undefined;
  /** It was for its lag. */
  readonly offForLag: boolean;
  /** A returned primary that the policy leaves for an operator to publish (`setha`). */
  readonly heldBack: boolean;
  /** An operator works on this host: it is left alone. */
  readonly paused?: boolean | undefined;
}

/** For how long the coordinator has seen it so, by its own monotonic clock, ms. */
export interface SeenFor {
  /** What the primary's agent says of its server. */
  readonly verdictMs: number;
  /** `lastFailoverAt`. */
  readonly failoverMs: number;
}

/** Everything a decision about a group may use, read at one moment. */
export interface GroupSnapshot {
  readonly group: string;
  /** ms since 1970. */
  readonly takenAt: number;
  /** The coordinator that looked. */
  readonly takenBy: string;
  readonly members: readonly MemberView[];
  readonly primary: PrimaryRecord | undefined;
  /** The whole group is left alone. */
  readonly paused: boolean;
  /** The group's pause as it was set; it may be over. */
  readonly pause?: Pause | undefined;
  readonly route: { readonly route: Route; readonly version: number } | undefined;
  readonly watermark: Watermark | undefined;
  /** A failover from this primary that waits for an operator, answered or not; read only when one may be due. */
  readonly approval?: ApprovalRequest | undefined;
  /** When this group's last automatic failover ended, ms since 1970. */
  readonly lastFailoverAt: number | undefined;
  /** Of a coordinator that has looked before; undefined for one look alone. */
  readonly seenFor?: SeenFor | undefined;
  /** Automatic failovers of other groups that began within the fleet's window. */
  readonly recentFailovers: number;
}
