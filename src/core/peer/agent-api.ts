import { z } from 'zod';
import type { PeerApi } from './api.ts';

/** Proof about the writers of one epoch at one host (design, section 5). */
export const fenceEvidence = z.discriminatedUnion('kind', [
  /** (a) super_read_only is on and no session that could write is left. */
  z.object({
    kind: z.literal('read-only'),
    killed: z.number(),
    /** All that it executed; agents of older versions do not say. */
    executed: z.string().optional(),
  }),
  /** (b) mysqld's process is gone; it boots read-only. */
  z.object({ kind: z.literal('process-gone'), detail: z.string() }),
]);
export type FenceEvidence = z.infer<typeof fenceEvidence>;

/** What an agent offers on its control port. All are safe to repeat. */
export const agentApi = {
  status: {
    params: z.object({}),
    result: z.object({
      host: z.string(),
      group: z.string().optional(),
      verdict: z.string(),
      since: z.number(),
      version: z.string(),
      pid: z.number().optional(),
      writable: z.boolean().optional(),
      why: z.string().optional(),
      /** The epoch that this agent holds a lease for, and what is left of it. */
      epoch: z.number().optional(),
      leaseMs: z.number().optional(),
      executed: z.string().optional(),
      /** How old its data is, as measured last, ms. */
      lagMs: z.number().optional(),
      /** Why it must not become the primary. */
      unfit: z.string().optional(),
      replication: z
        .object({
          state: z.string(),
          source: z.string(),
          lagMs: z.number().optional(),
          error: z.string().optional(),
        })
        .optional(),
    }),
  },
  /** Looks at the sessions that a fence with `drainMs` will find: clients wait for that one, and not yet for this. */
  prepareFence: {
    params: z.object({ group: z.string() }),
    result: z.object({ looked: z.literal(true) }),
  },
  /**
   * Makes sure that nothing more is written under `epoch` or any earlier one, and remembers it. A mysqld that does not obey SQL is
   * killed, unless `mayKill` is false. With `drainMs` clients may end what they are in the middle of first, for so long. Refused: `MYSQL_*`, `TIMED_OUT`.
   */
  fence: {
    params: z.object({
      group: z.string(),
      epoch: z.number().int(),
      mayKill: z.boolean().optional(),
      drainMs: z.number().min(0).optional(),
    }),
    result: fenceEvidence,
  },
  /**
   * Opens writes when `master/group` names this host with just this epoch. Refused otherwise, with the reason in `details.reason`;
   * `accepted-primary` and `no-presence` pass with time.
   */
  openWrites: {
    params: z.object({ group: z.string(), epoch: z.number().int() }),
    result: z.object({ opened: z.literal(true) }),
  },
  /**
   * Catch-up: what this host's binlog holds beyond `have` is handed out on a port of its own to whoever logs in with the replication
   * account. Needs the fence of `epoch`, which is confirmed before. Safe to repeat; a repeated call looks at the files anew. Refused:
   * `no-binlog`, `not-fenced`, `writable`, `purged` (with what is gone), and what the files themselves are refused for.
   */
  serveBinlog: {
    params: z.object({
      group: z.string(),
      epoch: z.number().int(),
      /** What the elected one has. */
      have: z.string(),
      /** Hands out no others; '': none at all, the answer only tells what is missing. */
      only: z.string().optional(),
    }),
    result: z.object({
      /** On the agent's host; 0: nothing is handed out. */
      port: z.number().int(),
      /** All that the files hold beyond `have`. */
      missing: z.string(),
      /** What is handed out. */
      transactions: z.number().int(),
      sizeBytes: z.number(),
    }),
  },
  /** Ends what `serveBinlog` began for `epoch` or an earlier one. */
  stopBinlog: {
    params: z.object({ group: z.string(), epoch: z.number().int() }),
    result: z.object({ stopped: z.literal(true) }),
  },
  /** Loads the clone plugin, so that another member of the group can be overwritten by a copy of this one. Refused: `no-clone`, `MYSQL_*`. */
  offerClone: {
    params: z.object({ group: z.string() }),
    result: z.object({ offered: z.literal(true) }),
  },
  /**
   * Failsafe: the primary of `epoch` (or a router that vouches for it) is cut off from ZooKeeper and asks every promotable member
   * to refuse promotion for `leaseMs`. Refused when this host was promoted, or knows of a newer epoch.
   */
  acceptPrimary: {
    params: z.object({
      group: z.string(),
      epoch: z.number().int(),
      primary: z.string(),
      leaseMs: z.number().positive(),
    }),
    result: z.object({ accepted: z.literal(true) }),
  },
} as const satisfies PeerApi;
