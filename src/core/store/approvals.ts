import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import type { Approval, ApprovalRequest } from '../model/approval.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { put } from './put.ts';
import { znodes } from './znodes.ts';

/** As it is kept in a request, and in a plan. */
export const approvalSchema = z.object({
  by: z.string(),
  at: z.number(),
  until: z.number(),
  lost: z.number().optional(),
});

const requestSchema = z.object({
  epoch: z.number().int(),
  why: z.string(),
  askedAt: z.number(),
  approved: approvalSchema.optional(),
});

export interface StoredRequest {
  readonly request: ApprovalRequest;
  readonly version: number;
}

/** `approval/G`; undefined when nothing waits. What cannot be read approves nothing: it is asked for anew. */
export async function readApproval(store: Coordination, group: string): Promise<StoredRequest | undefined> {
  const path = znodes.approval(group);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  try {
    return { request: decodeRecord(requestSchema, path, node.data), version: node.version };
  } catch (error) {
    if (hasCode(error, 'ZNODE_MALFORMED')) return undefined;
    throw error;
  }
}

/** Asks for approval; a request of the same incident stands, with its answer. */
export async function askApproval(
  store: Coordination,
  group: string,
  request: ApprovalRequest,
): Promise<void> {
  const known = await readApproval(store, group);
  if (known?.request.epoch === request.epoch) return;
  await put(store, znodes.approval(group), encodeOwn(request));
}

/** Throws `ZNODE_CONFLICT` when it was asked for anew meanwhile, `ZNODE_MISSING` when nothing waits any more. */
export async function giveApproval(
  store: Coordination,
  group: string,
  { request, version }: StoredRequest,
  approved: Approval,
): Promise<void> {
  await store.write(znodes.approval(group), encodeOwn({ ...request, approved }), version);
}

/** The incident is over. */
export async function dropApproval(store: Coordination, group: string): Promise<void> {
  await store.remove(znodes.approval(group));
}
