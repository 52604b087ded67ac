import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, decodeText, encodeShared } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** A replica that was taken off the read list. */
export interface LostReplica {
  readonly group: string;
  readonly why: string;
  /** ms since 1970. */
  readonly at: number;
  /** 1: it was the primary that a failover left behind; with `rejoin.publish: manual` it returns by `setha` only. */
  readonly former?: 1 | undefined;
  /** 1: it is well but was late, and comes back once it was in time for a while. */
  readonly late?: 1 | undefined;
}

const lostReplica = z.object({
  group: z.string().default(''),
  why: z.string().default(''),
  at: z.number().default(0),
  former: z.literal(1).optional(),
  late: z.literal(1).optional(),
});

/** `slavedown/H`; undefined when the replica is not marked. What cannot be read marks all the same. */
export async function readLostReplica(store: Coordination, id: string): Promise<LostReplica | undefined> {
  const path = znodes.lostReplica(id);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  const silent = { group: '', why: '', at: node.modifiedAt };
  if (node.data.length === 0) return silent;
  try {
    return decodeRecord(lostReplica, path, node.data);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return { ...silent, why: error.message };
  }
}

/** Ids of all replicas that are off the read list. */
export async function listLostReplicas(store: Coordination): Promise<readonly string[]> {
  return store.children(znodes.lostReplicas);
}

/** Marks a replica as off the read list. */
export async function markLostReplica(store: Coordination, id: string, mark: LostReplica): Promise<void> {
  await put(store, znodes.lostReplica(id), encodeShared(mark));
}

/** False when it was not marked. */
export async function clearLostReplica(store: Coordination, id: string): Promise<boolean> {
  return store.remove(znodes.lostReplica(id));
}

/** What a dead primary must know when it returns. */
export interface RejoinMark {
  readonly group: string;
  /** Id of the primary that took over, and the epoch of its record. */
  readonly primary: string;
  readonly epoch: number;
  /** ms since 1970. */
  readonly at: number;
  /** What the new primary had executed when it opened: anything else of the old one is errant. */
  readonly executed: string;
}

const rejoinMark = z.object({
  group: z.string(),
  primary: z.string(),
  epoch: z.number().int(),
  at: z.number(),
  executed: z.string(),
});

/** `readbinlog-status/H`; undefined when the host has nothing to do. */
export async function readRejoinMark(store: Coordination, id: string): Promise<RejoinMark | undefined> {
  const path = znodes.rejoin(id);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return undefined;
  return decodeRecord(rejoinMark, path, node.data);
}

/** Leaves the mark, and the executed set where the first program looks for it. */
export async function writeRejoinMark(store: Coordination, id: string, mark: RejoinMark): Promise<void> {
  await put(store, znodes.executedAtFailover(id), mark.executed);
  await put(store, znodes.rejoin(id), encodeShared(mark));
}

/** False when there was none. */
export async function clearRejoinMark(store: Coordination, id: string): Promise<boolean> {
  await store.remove(znodes.executedAtFailover(id));
  return store.remove(znodes.rejoin(id));
}

/** The executed set at the failover, as `execute-gtid/H` has it. */
export async function readExecutedAtFailover(store: Coordination, id: string): Promise<string | undefined> {
  const path = znodes.executedAtFailover(id);
  const node = await store.read(path);
  return node && decodeText(path, node.data);
}
