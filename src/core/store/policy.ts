import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { quorumRules } from '../decide/quorum.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { createIfAbsent, put } from './put.ts';
import { znodes } from './znodes.ts';

const ms = z.number().int().positive().optional();

/** Settings of one group that go before the configuration file's. Its keys are a part of those of the file. */
export const policyOverrides = z.strictObject({
  failover: z
    .strictObject({
      automatic: z.boolean().optional(),
      cooldownMs: ms,
      gatherTimeoutMs: ms,
      freezeTimeoutMs: ms,
      stepTimeoutMs: ms,
      stalledMs: ms,
      maxLoss: z.number().int().min(0).optional(),
      allowedDcs: z.array(z.string().min(1)).optional(),
      crossDc: z.enum(['allowed', 'needs-approval', 'never']).optional(),
      crossDcMaxLoss: z.number().int().min(0).optional(),
      crossDcMaxLossMs: ms,
      lowerVersion: z.enum(['never', 'allowed']).optional(),
      approvalMs: ms,
      quorum: z.enum(quorumRules).optional(),
    })
    .optional(),
  lag: z
    .strictObject({
      evictMs: ms,
      returnMs: ms,
      holdMs: ms,
      maxEvicted: z.number().int().min(0).max(100).optional(),
      lastReader: z.enum(['stays', 'primary']).optional(),
    })
    .optional(),
  semiSync: z
    .strictObject({
      mode: z.enum(['off', 'auto', 'required']).optional(),
      durability: z.enum(['any', 'other-dc']).optional(),
      acks: z.number().int().min(0).optional(),
      timeoutMs: ms,
    })
    .optional(),
  // Where a router is, and its ports, are the router's own matter.
  router: z
    .strictObject({
      reads: z.enum(['local-first', 'all']).optional(),
      weights: z.enum(['fixed', 'by-lag']).optional(),
    })
    .optional(),
  catchUp: z
    .strictObject({ policy: z.enum(['always', 'never', 'acked-only']).optional(), deadlineMs: ms })
    .optional(),
  rejoin: z
    .strictObject({
      automatic: z.boolean().optional(),
      publish: z.enum(['auto', 'manual']).optional(),
      clone: z.enum(['never', 'allowed']).optional(),
    })
    .optional(),
});
export type PolicyOverrides = z.infer<typeof policyOverrides>;

/** `policy/G`; {} when there is none. Throws `ZNODE_MALFORMED` for an unknown key or a wrong type. */
export async function readPolicy(store: Coordination, group: string): Promise<PolicyOverrides> {
  const path = znodes.policy(group);
  const node = await store.read(path);
  if (node === undefined || node.data.length === 0) return {};
  return decodeRecord(policyOverrides, path, node.data);
}

/**
 * Changes a group's settings under their version, so that two operators do not undo each other. What `change` throws is thrown, and
 * nothing is written then.
 */
export async function changePolicy(
  store: Coordination,
  group: string,
  change: (overrides: PolicyOverrides) => PolicyOverrides,
): Promise<void> {
  const path = znodes.policy(group);
  for (;;) {
    const node = await store.read(path);
    const data = encodeOwn(change(await readPolicy(store, group)));
    if (node === undefined) {
      if (await createIfAbsent(store, path, data)) return;
      continue;
    }
    try {
      await store.write(path, data, node.version);
      return;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
    }
  }
}

/** Replaces a group's settings; {} leaves the configuration file's in force. */
export async function writePolicy(
  store: Coordination,
  group: string,
  overrides: PolicyOverrides,
): Promise<void> {
  await put(store, znodes.policy(group), encodeOwn(overrides));
}
