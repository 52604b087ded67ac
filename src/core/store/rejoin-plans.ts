import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError, hasCode } from '../model/errors.ts';
import { REJOIN_PROGRAM, rejoinPlanSchema, type RejoinPlan } from '../rejoin/plan.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { createIfAbsent } from './put.ts';
import { znodes } from './znodes.ts';

/** The return of one server, as `rejoin/H` keeps it. */
export interface StoredRejoin {
  readonly plan: RejoinPlan;
  readonly version: number;
}

const anyProgram = z.looseObject({ program: z.number().int() });

/** Undefined when the host has none. Throws `ZNODE_MALFORMED`, also for a plan that a newer program wrote: it is left alone. */
export async function readRejoin(store: Coordination, id: string): Promise<StoredRejoin | undefined> {
  const path = znodes.rejoinPlan(id);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  const { program } = decodeRecord(anyProgram, path, node.data);
  if (program !== REJOIN_PROGRAM) {
    throw new DcmhaError('ZNODE_MALFORMED', `${path} was written by a program that speaks plans ${program}`, {
      details: { path, program },
    });
  }
  return { plan: decodeRecord(rejoinPlanSchema, path, node.data), version: node.version };
}

/** Writes a plan over what was read before, or as the first one; returns the new version. Throws `LOCK_LOST`. Safe to repeat. */
export async function saveRejoin(
  store: Coordination,
  plan: RejoinPlan,
  expectedVersion: number | undefined,
): Promise<StoredRejoin> {
  const path = znodes.rejoinPlan(plan.host);
  const data = encodeOwn(plan);
  if (expectedVersion === undefined && (await createIfAbsent(store, path, data))) return { plan, version: 0 };
  try {
    return { plan, version: await store.write(path, data, expectedVersion ?? 0) };
  } catch (error) {
    if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
    // Our own write, whose answer was lost, conflicts with its repetition.
    const node = await store.read(path);
    if (node?.data.toString('utf8') === data) return { plan, version: node.version };
    throw new DcmhaError('LOCK_LOST', `${path} was changed by another process`, {
      details: { path },
      cause: error,
    });
  }
}

/** False when there was none. */
export async function removeRejoin(store: Coordination, id: string): Promise<boolean> {
  return store.remove(znodes.rejoinPlan(id));
}
