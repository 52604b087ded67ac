import type { Alerts } from '../../ports/alerts.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import type { PeerCaller } from '../../ports/peers.ts';
import type { Clock, Log } from '../../ports/system.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { DcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import type { Attaching } from './attaching.ts';
import type { FenceCommand } from './fence-command.ts';
import type { RegionalMeans } from './regional-channels.ts';

/** Deadlines of the parts of steps, ms. */
export interface PerformLimits {
  /** A call to an agent or router. */
  readonly peerTimeoutMs: number;
  /** A short SQL exchange with one server. */
  readonly gatherTimeoutMs: number;
  /** Asking a host that nobody has heard of for a while. */
  readonly silentMs: number;
  /** A candidate applies what it received. */
  readonly freezeTimeoutMs: number;
  /** Carrying over what only the dead primary has. */
  readonly catchUpMs: number;
  /** Routers confirm a new route; then the plan goes on and the operator is told. */
  readonly confirmMs: number;
}

/** What performing a step of one group's plan needs. */
export interface PerformContext {
  readonly group: string;
  /** The coordinator that performs. */
  readonly by: string;
  readonly members: readonly Member[];
  readonly routers: readonly Endpoint[];
  readonly coordination: Coordination;
  readonly mysql: Mysql;
  readonly peers: PeerCaller;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: PerformLimits;
  /** Asked when neither agent nor MySQL of the old primary answers. */
  readonly fenceCommand?: FenceCommand | undefined;
  /** Without it, regional channels are left as they are. */
  readonly regional?: RegionalMeans | undefined;
  readonly attaching: Attaching;
  readonly signal: AbortSignal;
}

/** What only looking at a group's servers needs. */
export interface LookContext extends Pick<
  PerformContext,
  'group' | 'members' | 'routers' | 'coordination' | 'mysql' | 'peers' | 'signal'
> {
  readonly limits: Pick<PerformLimits, 'gatherTimeoutMs'>;
}

/** The member of this id. Throws `NOT_FOUND`: metadata was changed while a plan ran. */
export function memberOf(context: Pick<PerformContext, 'group' | 'members'>, id: string): Member {
  const member = context.members.find((candidate) => candidate.id === id);
  if (member !== undefined) return member;
  throw new DcmhaError('NOT_FOUND', `${id} is no member of group ${context.group} any more`, {
    details: { group: context.group, host: id },
  });
}
