import { z } from 'zod';
import type { Coordination, Presence } from '../../ports/coordination.ts';
import type { PresenceRecord } from '../model/group.ts';
import { decodeRecord, encodeShared } from './codecs.ts';
import { znodes } from './znodes.ts';

const presenceRecord = z.object({
  verdict: z.enum(['up', 'dead', 'stalled', 'saturated', 'read-only-fs', 'unknown']),
  since: z.number(),
  agent: z.string(),
  version: z.string(),
  why: z.string().optional(),
  distrust: z.string().optional(),
  /** 1 or 0: a shared record has no true and false. */
  writable: z
    .union([z.number(), z.boolean()])
    .transform((value) => value === true || value === 1)
    .optional(),
  replication: z
    .object({
      state: z.enum(['replicating', 'connecting', 'stopped', 'broken', 'errant', 'none']),
      source: z.string(),
      lagMs: z.number().optional(),
      error: z.string().optional(),
    })
    .optional(),
  channels: z
    .array(
      z.object({
        name: z.string(),
        source: z.string(),
        state: z.enum(['replicating', 'connecting', 'idle', 'stopped', 'refused', 'broken']),
        lagSeconds: z.number().optional(),
        error: z.string().optional(),
      }),
    )
    .optional(),
});

/** An agent of the first program says nothing in its node. */
const silent: PresenceRecord = { verdict: 'unknown', since: 0, agent: '', version: '' };

/** What the agent of a host says; undefined when it is gone. */
export async function readPresence(store: Coordination, id: string): Promise<PresenceRecord | undefined> {
  const path = znodes.presence(id);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  return node.data.length === 0 ? silent : decodeRecord(presenceRecord, path, node.data);
}

/** Ids of the hosts whose agents are there. */
export async function listPresences(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.online);
}

/** Keeps the presence of an agent; `update(encodePresence(record))` tells a new verdict. */
export function presentAgent(store: Coordination, id: string, record: PresenceRecord): Presence {
  return store.present(znodes.presence(id), encodePresence(record));
}

/** The text of `online-list/H`. */
export function encodePresence(record: PresenceRecord): string {
  const { writable, ...rest } = record;
  return encodeShared(writable === undefined ? rest : { ...rest, writable: writable ? 1 : 0 });
}
