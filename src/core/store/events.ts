import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

const eventName = z.object({ schema: z.string(), name: z.string() });

const eventsRecord = z.object({
  epoch: z.number().int(),
  scheduler: z.boolean(),
  /** What the primary of that epoch runs; no replica can tell. */
  enabled: z.array(eventName),
  /** What it still has to enable of what the primary before it ran. */
  pending: z.array(eventName).default([]),
});

/** The scheduled events that a group's primary runs (`events/G`), kept by its agent. */
export type EventsRecord = z.infer<typeof eventsRecord>;

export async function readEventsRecord(
  store: Coordination,
  group: string,
): Promise<EventsRecord | undefined> {
  const path = znodes.events(group);
  const node = await store.read(path);
  return node === undefined || node.data.length === 0
    ? undefined
    : decodeRecord(eventsRecord, path, node.data);
}

export async function writeEventsRecord(
  store: Coordination,
  group: string,
  record: EventsRecord,
): Promise<void> {
  await put(store, znodes.events(group), encodeOwn(record));
}
