import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeShared } from './codecs.ts';
import { createIfAbsent, put } from './put.ts';
import { znodes } from './znodes.ts';

/** A condition that stands (`watch-down/NAME`; the name is the group, `G_send`, `G_region`). */
export interface StandingAlert {
  readonly kind: string;
  readonly group: string;
  /** Why, in a word, where a condition of one kind may have several. */
  readonly reason?: string | undefined;
  readonly message: string;
  /** When it began, ms since 1970. */
  readonly at: number;
  readonly by: string;
}

const alertRecord = z.object({
  kind: z.string(),
  group: z.string(),
  reason: z.string().optional(),
  message: z.string(),
  at: z.number(),
  by: z.string(),
});

/** undefined when the condition does not stand. What cannot be read stands all the same. */
export async function readAlert(store: Coordination, name: string): Promise<StandingAlert | undefined> {
  const path = znodes.alert(name);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  try {
    return decodeRecord(alertRecord, path, node.data);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    // The first program wrote other words here.
    return { kind: 'unknown', group: '', message: node.data.toString('utf8'), at: node.modifiedAt, by: '' };
  }
}

/** All conditions that stand, by name. */
export async function listAlerts(store: Coordination): Promise<ReadonlyMap<string, StandingAlert>> {
  const names = await store.children(znodes.alerts);
  const alerts = await Promise.all(names.map(async (name) => [name, await readAlert(store, name)] as const));
  return new Map(alerts.flatMap(([name, alert]) => (alert === undefined ? [] : [[name, alert]])));
}

/**
 * True when the condition is new; one that stands keeps its beginning and its words, which may tell of moments. Another one takes its
 * place: a primary that is stalled says nothing of why nobody takes over.
 */
export async function raiseAlert(store: Coordination, name: string, alert: StandingAlert): Promise<boolean> {
  if (await createIfAbsent(store, znodes.alert(name), encodeShared(alert))) return true;
  const before = await readAlert(store, name);
  if (before === undefined || (before.kind === alert.kind && before.reason === alert.reason)) return false;
  const at = before.kind === alert.kind ? before.at : alert.at;
  await put(store, znodes.alert(name), encodeShared({ ...alert, at }));
  return true;
}

/** True when the condition stood and is over now. */
export async function clearAlert(store: Coordination, name: string): Promise<boolean> {
  return store.remove(znodes.alert(name));
}
