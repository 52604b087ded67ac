import { z } from 'zod';

const host = z.string();
const gtids = z.string();

/** What a plan can ask for. Hosts are ids; addresses are looked up when a step is performed. Each is safe to perform twice. */
export const stepSchema = z.discriminatedUnion('kind', [
  /** Publishes a route without a write server; does not wait for the routers. */
  z.object({ kind: z.literal('close-route') }),
  /** Asks every server, and the routers' acknowledgements, whether the primary could move from `from`; changes nothing. */
  z.object({ kind: z.literal('preflight'), from: host, hosts: z.array(host) }),
  /** `host` catches up with `from`, and long transactions there end, while everything is still open. */
  z.object({ kind: z.literal('prewarm'), host, from: host }),
  /** New connections to the write side wait at every router, for at most `forMs`. `from`: whose sessions are drained next. */
  z.object({ kind: z.literal('hold-route'), forMs: z.number(), from: host.optional() }),
  /** Gets evidence (a) or (b) that nothing more is written under `epoch` at `host`; clients may end what they do for `drainMs`. */
  z.object({ kind: z.literal('fence'), host, epoch: z.number(), drainMs: z.number().optional() }),
  /** Evidence (c): waits for the leases of the host's agent and of every router, or for their acknowledgement. */
  z.object({ kind: z.literal('await-leases'), host, epoch: z.number() }),
  /** Candidates receive `until`, which `from` has, if they still can, stop receiving, apply what they have, and tell their sets. */
  z.object({
    kind: z.literal('freeze'),
    hosts: z.array(host),
    until: gtids.optional(),
    from: host.optional(),
    /** An operator has opened it by hand. */
    mayBeWritable: z.boolean().optional(),
  }),
  /** `host` fetches from `source` what it lacks of `until`. */
  z.object({ kind: z.literal('equalize'), host, source: host, until: gtids }),
  /** `host` gets what only the binlog of `from` holds. */
  z.object({ kind: z.literal('catch-up'), host, from: host, epoch: z.number() }),
  /**
   * Once `host` has applied `until`, stops and forgets its replication, still read-only. With `receive` it gets `until` from its source first, which
   * has let go and still sends; its channel, through which nothing more can come, is left to `repoint`: clients wait. With `read`, as in the next steps,
   * the routers are led to it beside, if their clients are held: these go on once it is open.
   */
  z.object({
    kind: z.literal('promote'),
    host,
    until: gtids.optional(),
    receive: z.literal(true).optional(),
    read: z.array(host).optional(),
  }),
  /** Writes `master/G`; `expectedEpoch` is the epoch it replaces, -1 for none. */
  z.object({ kind: z.literal('record-primary'), host, expectedEpoch: z.number() }),
  /** `follow`: commits wait for these, so they are pointed at it beside; `repoint` says what came of that. */
  z.object({
    kind: z.literal('open-writes'),
    host,
    epoch: z.number(),
    read: z.array(host).optional(),
    follow: z.array(host).optional(),
  }),
  /** `release`: routers that have this version in force let their clients go on first. */
  z.object({
    kind: z.literal('publish-route'),
    write: host,
    read: z.array(host),
    release: z.number().optional(),
  }),
  /** Every one of `hosts` that can, follows `source`; the others leave the read list. With `detach`, `source` itself follows nobody any more. */
  z.object({
    kind: z.literal('repoint'),
    hosts: z.array(host),
    source: host,
    detach: z.literal(true).optional(),
  }),
  /** Regional channels leave `from` and are set up on `to`. */
  z.object({ kind: z.literal('channels'), from: host, to: host }),
  z.object({ kind: z.literal('confirm-route') }),
  /** Leaves for the old primary what it must know when it returns. */
  z.object({ kind: z.literal('mark-rejoin'), host, primary: host, epoch: z.number() }),
  /** Undo of freeze: replicas receive from `source` again. */
  z.object({ kind: z.literal('resume-replication'), hosts: z.array(host), source: host }),
]);
export type Step = z.infer<typeof stepSchema>;

/** Where one candidate stands. `error` set: it could not be asked or frozen and is no candidate. */
export const positionSchema = z.object({
  host,
  executed: gtids,
  retrieved: gtids,
  version: z.string(),
  /** It has not heard from the old primary since it started: what it acknowledged and had not applied is gone, for relay logs are thrown away. */
  unheard: z.boolean().optional(),
  error: z.string().optional(),
});
export type Position = z.infer<typeof positionSchema>;

const failedHost = z.object({ host, why: z.string() });
/** What other regions have of what is lacking, and send to the new primary. */
const coming = gtids.optional();
const failedRegion = z.object({ region: z.string(), why: z.string() });

/** What a step brought. Choices are made from these recorded facts only. */
export const outcomeSchema = z.discriminatedUnion('kind', [
  /** `route`: the version of the one that was published meanwhile, under which clients are held. */
  z.object({ kind: z.literal('done'), detail: z.string().optional(), route: z.number().optional() }),
  z.object({
    kind: z.literal('fenced'),
    /** (a) read-only confirmed by the agent or by SQL; (b) the process is gone. */
    evidence: z.enum(['read-only', 'process-gone', 'read-only-by-sql', 'command', 'leases']),
    detail: z.string(),
    /** Its executed set, when it still answers. */
    executed: gtids.optional(),
  }),
  z.object({ kind: z.literal('unreachable'), why: z.string() }),
  z.object({
    kind: z.literal('positions'),
    positions: z.array(positionSchema),
    /** Where acknowledged transactions are, read after the fence. */
    durability: z.array(z.object({ holders: z.array(host), copies: z.number() })).optional(),
  }),
  /** `problems` forbid the change whoever is to be the primary; an `error` of a position forbids that host. */
  z.object({
    kind: z.literal('surveyed'),
    positions: z.array(positionSchema),
    problems: z.array(z.string()),
    /** MySQL of the present primary. */
    version: z.string().optional(),
  }),
  /** `without`: routers whose haproxy cannot hold, so that their clients are not spared an error. */
  z.object({ kind: z.literal('held'), routers: z.array(z.string()), without: z.array(z.string()) }),
  z.object({
    kind: z.literal('caught-up'),
    transactions: z.number(),
    sizeBytes: z.number(),
    /** The candidate's executed set afterwards. */
    executed: gtids,
    /** What the policy does not carry over: nobody was told that it was committed. */
    left: gtids.optional(),
    coming,
  }),
  /** Not all of it was carried over. `missing`: what is known to be lost, by GTID. */
  z.object({ kind: z.literal('not-caught-up'), why: z.string(), missing: gtids, executed: gtids, coming }),
  /** The elected one holds less than when it was frozen, for a restart throws away what is received and not applied. */
  z.object({ kind: z.literal('fallen-back'), missing: gtids }),
  z.object({ kind: z.literal('recorded'), epoch: z.number() }),
  z.object({ kind: z.literal('repointed'), hosts: z.array(host), failed: z.array(failedHost) }),
  z.object({ kind: z.literal('channels'), placed: z.array(z.string()), failed: z.array(failedRegion) }),
  z.object({ kind: z.literal('confirmed'), routers: z.array(z.string()), missing: z.array(z.string()) }),
  /** The step's deadline passed; the plan is blocked until an operator retries or abandons it. */
  z.object({ kind: z.literal('failed'), code: z.string(), why: z.string() }),
]);
export type Outcome = z.infer<typeof outcomeSchema>;
export type OutcomeKind = Outcome['kind'];

export const entrySchema = z.object({
  step: stepSchema,
  outcome: outcomeSchema,
  /** When the step began, ms since 1970, and how long it took. */
  at: z.number(),
  tookMs: z.number(),
  by: z.string(),
});
export type Entry = z.infer<typeof entrySchema>;
