import type { Endpoint } from '../core/model/endpoint.ts';
import type { CallOptions } from './call-options.ts';

/** A scheduled event, by its two names. */
export interface EventName {
  readonly schema: string;
  readonly name: string;
}

/** The scheduled events of a server. */
export interface ServerEvents {
  /** event_scheduler is on. */
  readonly scheduler: boolean;
  readonly enabled: readonly EventName[];
  /** Replicas have every event so, whether its source runs it or not (REPLICA_SIDE_DISABLED). */
  readonly asleep: readonly EventName[];
}

/** What becomes of scheduled events when the primary moves. Throws what `Mysql` throws. */
export interface EventMysql {
  events(server: Endpoint, options: CallOptions): Promise<ServerEvents>;
  /** Enables an event; its definer, time zone, SQL mode and character sets stay. One that is gone is left so. */
  enableEvent(server: Endpoint, event: EventName, options: CallOptions): Promise<void>;
  startEventScheduler(server: Endpoint, options: CallOptions): Promise<void>;
}
