import type { EventName, ServerEvents } from '../../ports/events.ts';
import type { EventsRecord } from '../store/events.ts';

/** What the agent of a primary does about scheduled events. */
export interface EventsDue {
  /** To be enabled here: the primary before ran them. */
  readonly enable: readonly EventName[];
  readonly startScheduler: boolean;
  /** What is to be on record then. */
  readonly record: EventsRecord;
}

/**
 * Right after a change of the primary, what the former one ran is pending here; once that is done, whatever an operator does to an event is his
 * affair, and only noted.
 */
export function eventsDue(before: EventsRecord | undefined, here: ServerEvents, epoch: number): EventsDue {
  const isNew = before !== undefined && before.epoch < epoch;
  const wanted = isNew ? [...before.enabled, ...before.pending] : (before?.pending ?? []);
  const enable = here.asleep.filter((event) => wanted.some((other) => isSame(event, other)));
  return {
    enable,
    startScheduler: isNew && before.scheduler && !here.scheduler,
    record: { epoch, scheduler: here.scheduler, enabled: [...here.enabled], pending: [...enable] },
  };
}

export function isSame(a: EventName, b: EventName): boolean {
  return a.schema === b.schema && a.name === b.name;
}
