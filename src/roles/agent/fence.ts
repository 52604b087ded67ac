import { whyWithoutGtids } from '../../core/decide/gtid-mode.ts';
import {
  decideWriter,
  refuseFence,
  refuseOpen,
  type AcceptRequest,
  type WriterSituation,
} from '../../core/decide/writer.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { FenceEvidence } from '../../core/peer/agent-api.ts';
import { acceptPrimary } from './accept.ts';
import type { LocalServer } from './checks.ts';
import { Closer, type FenceLimits } from './closing.ts';
import type { AgentDeps } from './deps.ts';
import type { LeaseKeeper } from './lease.ts';
import type { AgentRecall } from './memory.ts';
import { OpenedHere } from './opened.ts';
import { refused, type EpochOf } from './refusal.ts';
import type { GroupView } from './view.ts';
import { GateTurns } from './gate-turns.ts';

/** Opening is one short statement; a server that needs longer is not fit to be the primary. */
const longestOpenMs = 2000;
/** Nobody but this agent could write meanwhile, so there is time. */
const restoreMs = 5000;

/** Who wants writes open: a plan's coordinator, this agent, or whoever opened the recorded primary by hand. */
type Opener = 'plan' | 'agent' | 'adoption';

export interface GateParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly recall: AgentRecall;
  readonly lease: LeaseKeeper;
  /** What must be so before a commit of a client. */
  readonly beforeOpening: (epoch: EpochOf) => Promise<void>;
}

/** The one place that changes read_only on this host, one change at a time. */
export class WriteGate {
  readonly #deps: AgentDeps;
  readonly #parts: GateParts;
  readonly #turns: GateTurns;
  /** Why this server may not be opened though it answers: its data is not what its GTIDs say. */
  #unfit: string | undefined;
  readonly #opened: OpenedHere;
  readonly #closer: Closer;

  constructor(deps: AgentDeps, parts: GateParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#turns = new GateTurns(deps.clock);
    this.#opened = new OpenedHere(deps, parts);
    this.#closer = new Closer(deps, parts.local, this.#turns);
  }

  situation(): WriterSituation {
    const { view, local, recall, lease } = this.#parts;
    return {
      self: view.self,
      facts: view.facts,
      writable: local.writable === true,
      ours: this.#opened.mayBeOurs,
      fencedEpoch: view.facts === undefined ? -1 : recall.fencedEpoch(view.facts.group),
      tenureEpoch: lease.tenure?.epoch,
      heldMs: recall.heldMs(),
    };
  }

  /** Ends `epoch` and all before it on this host, for good. */
  async fence({ group, epoch }: EpochOf, limits: FenceLimits): Promise<FenceEvidence> {
    const refusal = refuseFence({ group, epoch }, this.situation());
    if (refusal !== undefined) throw refused(refusal);
    // In force at once; on the disk before anybody is told that writes are closed.
    const remembered = this.#parts.recall.fenced(group, epoch).catch((thrown: unknown) => {
      // It is in memory, and a running plan keeps a restarted agent from opening: writes are closed rather than left open.
      this.#deps.log.error('cannot write the state file', { error: toDcmhaError(thrown).message });
    });
    this.#deps.log.info('fence asked for', { group, epoch });
    const closing = this.close('a plan asks for it', limits);
    if (limits.graceMs !== undefined) void this.#turns.run(() => this.#closer.endSessions());
    const evidence = await closing;
    // With a grace clients wait for the answer, and the plan's own journal keeps a restarted agent from opening.
    if (limits.graceMs === undefined) await remembered;
    const held = this.#parts.lease.tenure?.epoch;
    if (held !== undefined && held <= epoch) this.#parts.lease.end();
    return evidence;
  }

  /** Makes sure that nothing is written here. Throws what MySQL says when neither SQL nor, where allowed, SIGKILL could. */
  close(why: string, limits: FenceLimits): Promise<FenceEvidence> {
    return this.#turns.close(limits, async () => {
      const evidence = await this.#closer.close(limits);
      this.#parts.local.noteWritable(false);
      this.#deps.log.warn('writes closed', {
        why,
        evidence: evidence.kind,
        killed: evidence.kind === 'read-only' ? evidence.killed : undefined,
      });
      return evidence;
    });
  }

  /**
   * Opens writes under `epoch` when the record, read for the purpose, says so, and the lease stands. Safe to repeat. Refused with
   * `PEER_REFUSED` and `details.reason`. What the agent wants by itself, a running plan forbids, and a pause, unless the recorded primary
   * is open already and only its lease is taken.
   */
  async open(request: EpochOf, by: Opener): Promise<void> {
    const { local, lease, beforeOpening } = this.#parts;
    // The presence is seen to stand before journal and record are read: see `LeaseKeeper`.
    const [session] = await lease.presenceThenFacts();
    this.#admit(request, by);
    if (session === undefined)
      throw refused({ reason: 'no-presence', why: "this agent's presence does not stand yet" });
    if (local.writable === true && lease.tenure?.epoch === request.epoch && !lease.over()) return;
    const beginning = lease.begin(request, session);
    try {
      await Promise.all([
        beginning,
        this.#opened.remember(request),
        this.#turns.run(() => beforeOpening(request)),
      ]);
      await this.#turns.run(() => this.#open(request, by));
    } catch (error) {
      await beginning.catch(() => undefined);
      if (local.writable !== true) lease.end();
      throw error;
    }
  }

  /** While there is a reason, writes are opened for nobody. */
  forbidOpening(why: string | undefined): void {
    this.#unfit = why;
  }

  /**
   * Runs `work` after `lift`, which leaves read_only on and takes super_read_only off, so that this agent alone can write: for taking
   * transactions back. However `work` ends, super_read_only is on again; meanwhile nobody else changes it. Refused with `PEER_REFUSED`.
   */
  whileReadOnly<T>(lift: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const { local, lease, view } = this.#parts;
      const isOther = view.facts?.record !== undefined && view.facts.record.id !== view.self;
      if (!isOther || lease.tenure !== undefined || local.writable !== false)
        throw refused({
          reason: 'writable',
          why: 'only a read-only server that is not the primary takes back',
        });
      local.holdReadOnly(true);
      try {
        await lift();
        return await work();
      } finally {
        await this.#restoreReadOnly();
      }
    });
  }

  /** What fails here is seen at the next check of the server, and closed by `enforce`. */
  async #restoreReadOnly(): Promise<void> {
    const { local } = this.#parts;
    const deadline = this.#deps.clock.monotonic() + restoreMs;
    const closed = await this.#closer.close({ deadline, mayKill: false }).then(
      () => true,
      () => false,
    );
    local.holdReadOnly(false);
    if (closed) local.noteWritable(false);
    else local.checkNow();
  }

  /** A primary that is cut off asks for a promise: none is opened here for so long. Refused with `PEER_REFUSED`. */
  accept(request: AcceptRequest, forMs: number): Promise<void> {
    return this.#turns.run(async () => {
      await acceptPrimary({ ...request, forMs }, this.situation(), { ...this.#parts, log: this.#deps.log });
    });
  }

  /** Makes it so that writes are open here just when the record says so. Throws; to be called again at any change, and soon. */
  async enforce(limits: FenceLimits): Promise<void> {
    const { lease, view, local } = this.#parts;
    // What is being changed just now is not done twice.
    await this.#turns.run(() => Promise.resolve());
    if (local.writable === false) this.#opened.closed();
    const group = view.facts?.group;
    if (group === undefined) {
      this.#enforceUnknowing();
      return;
    }
    await this.#distrust();
    const decision = decideWriter(this.situation());
    switch (decision.kind) {
      case 'leave':
        // Closed by hand, and another one recorded: its watermark must not stand in that one's place.
        if (view.facts?.record?.id !== view.self && local.writable === false) lease.end();
        return;
      case 'close':
        await this.close(decision.why, limits);
        lease.end();
        return;
      case 'adopt':
        return this.#adopt({ group, epoch: decision.epoch }, limits);
      case 'open':
        if (local.verdict.verdict === 'up') await this.open({ group, epoch: decision.epoch }, 'agent');
        return;
    }
  }

  /** ZooKeeper was never reached since this agent started. What it opened before is under the lease again, or nobody would close it. */
  #enforceUnknowing(): void {
    const { lease, local, recall } = this.#parts;
    const { opened } = recall;
    if (opened === undefined || local.writable !== true || lease.tenure !== undefined) return;
    if (opened.epoch > recall.fencedEpoch(opened.group)) lease.adopt(opened);
  }

  /** Writes are open and no lease is held: at the start of this agent that is how it finds its primary; later, somebody else opened. */
  async #adopt(epoch: EpochOf, limits: FenceLimits): Promise<void> {
    this.#opened.begun();
    if (this.#parts.lease.adopt(epoch)) return;
    try {
      await this.open(epoch, 'adoption');
    } catch (error) {
      await this.close('they were opened by somebody else, and the lease cannot be had', limits);
      throw error;
    }
  }

  /** Without a memory, a read-only recorded primary may have been fenced: only a newer epoch is opened. */
  async #distrust(): Promise<void> {
    const { recall, view, local } = this.#parts;
    const { facts, self } = view;
    if (!recall.damaged || facts?.record === undefined || local.writable === undefined) return;
    recall.damaged = false;
    if (facts.record.id !== self || local.writable) return;
    await recall.fenced(facts.group, facts.record.epoch);
  }

  #admit(request: EpochOf, by: Opener): void {
    const refusal = refuseOpen(request, this.situation());
    if (refusal !== undefined) throw refused(refusal);
    const unfit = this.#unfit ?? whyWithoutGtids(this.#parts.local.status);
    if (unfit !== undefined) throw refused({ reason: 'unfit', why: unfit });
    const facts = this.#parts.view.facts;
    if (by === 'plan') return;
    if (facts?.planRunning === true) throw refused({ reason: 'plan-running', why: 'a plan is running' });
    if (facts?.paused === true && by === 'agent')
      throw refused({ reason: 'paused', why: 'the group is paused' });
  }

  async #open(request: EpochOf, by: Opener): Promise<void> {
    const { local, lease } = this.#parts;
    // Since the record was read, a fence or a promise may have come first.
    this.#admit(request, by);
    const timeoutMs = Math.min(lease.leftMs(), longestOpenMs);
    if (lease.tenure?.epoch !== request.epoch || timeoutMs <= 0)
      throw refused({ reason: 'no-lease', why: 'the lease ran out meanwhile' });
    try {
      await this.#deps.mysql.openWrites(local.endpoint, { timeoutMs });
    } catch (error) {
      // Perhaps it was done all the same: then not for long.
      const deadline = this.#deps.clock.monotonic() + longestOpenMs;
      await this.#closer.close({ deadline, mayKill: false }).catch(() => undefined);
      local.noteWritable(false);
      throw error;
    }
    local.noteWritable(true);
    this.#opened.begun();
    this.#deps.log.warn('writes opened', { ...request, by });
  }

  /** Members come and go while this is the primary. */
  async keepPeers(): Promise<void> {
    if (this.#parts.local.writable === true) await this.#opened.keepPeers();
  }
}
