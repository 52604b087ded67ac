import type { Endpoint } from '../core/model/endpoint.ts';
import type { PrimaryRecord } from '../core/model/group.ts';
import { toDcmhaError } from '../core/model/errors.ts';
import { countsOfRejoin, doingOf, historyOfRejoin } from '../core/rejoin/history.ts';
import {
  hasNoWayBack,
  nextOfRejoin,
  outcomeOf,
  recordRejoin,
  REJOIN_PROGRAM,
  type RejoinOutcome,
  type RejoinPlan,
  type RejoinStep,
} from '../core/rejoin/plan.ts';
import { appendHistory } from '../core/store/history.ts';
import { readRejoin, removeRejoin, saveRejoin, type StoredRejoin } from '../core/store/rejoin-plans.ts';
import type { LocalServer } from './agent-checks.ts';
import type { AgentDeps, AgentOptions } from './agent-deps.ts';
import type { WriteGate } from './agent-fence.ts';
import type { AgentRecall } from './agent-memory.ts';
import { openOwnBinlog } from './agent-own-binlog.ts';
import { isPassing } from './agent-passing.ts';
import { refused } from './agent-refusal.ts';
import { performRejoin, type RejoinEffects } from './agent-rejoin-steps.ts';
import type { GroupView } from './agent-view.ts';
import { clonePolicyOf, isStillTrue, reopened, whyHalfCloned } from './agent-rejoin-standing.ts';

interface RejoinParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly gate: WriteGate;
  readonly recall: AgentRecall;
}

/** What the comparison with the primary found. */
export interface Divergence {
  /** Id of the primary. */
  readonly primary: string;
  readonly epoch: number;
  readonly own: string;
  readonly errant: string;
}

/** `ready`: this server may follow the recorded primary. */
export type RejoinState =
  { readonly kind: 'ready' } | { readonly kind: 'stays-out'; readonly why: string; readonly errant: string };

/**
 * Brings this server back when it holds transactions that its primary lacks: saves them, takes them back, makes its GTIDs what it shares, and
 * when it replicates again compares the tables. The plan is in ZooKeeper; killed at any moment, it is resumed.
 */
export class Rejoiner {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #parts: RejoinParts;
  #stored: StoredRejoin | undefined;
  /** Undefined until the plan was looked for once. */
  #known = false;

  constructor(deps: AgentDeps, options: AgentOptions, parts: RejoinParts) {
    this.#deps = deps;
    this.#options = options;
    this.#parts = parts;
  }

  /** Whether what only this server has is taken back without being asked for. */
  get isAutomatic(): boolean {
    return this.#deps.rejoin !== undefined && this.#options.rejoinAutomatic === true;
  }

  /** A plan waits for something to be done, or it is not known yet whether one does. */
  get pending(): boolean {
    if (this.#deps.rejoin === undefined) return false;
    return !this.#known || (this.#stored !== undefined && this.#stored.plan.ended === undefined);
  }

  /** The last plan ended without bringing the server back. */
  get hasEnded(): boolean {
    return this.#stored?.plan.ended !== undefined;
  }

  /** What is going on, for the presence: until it is over, this server is neither to be read from nor to be elected. */
  get going(): string | undefined {
    const plan = this.#stored?.plan;
    if (plan === undefined || plan.ended !== undefined) return undefined;
    return doingOf(plan);
  }

  /** Goes on with a plan that was begun, before anything else is done to replication. */
  async resume(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    if (this.#deps.rejoin === undefined) return { kind: 'ready' };
    const { coordination, log } = this.#deps;
    this.#remember(await readRejoin(coordination, this.#parts.view.self));
    const plan = this.#stored?.plan;
    if (plan?.ended !== undefined) return this.#reopen(plan, primary, signal);
    if (plan === undefined) return this.#withoutPlan(signal);
    if (plan.entries.length === 0) return { kind: 'ready' };
    const server = this.#parts.local.endpoint;
    if (!(await isStillTrue(plan, this.#deps, { server, signal }))) {
      log.warn('the return of this server is planned anew: its transactions are others now', {
        plan: plan.id,
      });
      await this.#forget();
      return { kind: 'ready' };
    }
    return this.#run(primary, signal);
  }

  /** One that ended is begun anew where the server is whole: somebody may have put right what was in its way, or re-provisioned it. */
  async #reopen(plan: RejoinPlan, primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    const { rejoin } = this.#deps;
    if (rejoin === undefined) return { kind: 'ready' };
    const policy = await clonePolicyOf(this.#deps, this.#options, plan.group);
    const server = this.#parts.local.endpoint;
    const again = await reopened(plan, policy, { rejoin, server, signal });
    if (again === undefined) return { kind: 'ready' };
    if (nextOfRejoin(again).kind === 'stays-out')
      return { kind: 'stays-out', errant: plan.inputs.errant, why: plan.ended ?? '' };
    await this.#save(again);
    return this.#run(primary, signal);
  }

  async #withoutPlan(signal: AbortSignal): Promise<RejoinState> {
    const { rejoin } = this.#deps;
    const server = this.#parts.local.endpoint;
    const why = rejoin === undefined ? undefined : await whyHalfCloned(rejoin, server, signal);
    return why === undefined ? { kind: 'ready' } : { kind: 'stays-out', errant: '', why };
  }

  /** Begins a plan for what the comparison found, or takes up the one that stands. */
  async bringBack(divergence: Divergence, primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    const { view } = this.#parts;
    const { errant } = divergence;
    const group = view.member?.group ?? '';
    const before = this.#stored?.plan;
    const isSame = before?.inputs.errant === errant && before.inputs.own === divergence.own;
    const startedAt = isSame ? before.startedAt : this.#deps.clock.now();
    const clone = await clonePolicyOf(this.#deps, this.#options, group);
    await this.#save({
      program: REJOIN_PROGRAM,
      id: `rejoin-${view.self}-${startedAt}`,
      group,
      host: view.self,
      startedAt,
      inputs: { ...divergence, clone },
      entries: [],
    });
    this.#deps.log.warn(
      'this server has transactions that the primary lacks: saving them and taking them back',
      {
        plan: this.#stored?.plan.id,
        gtids: errant,
      },
    );
    return this.#run(primary, signal);
  }

  /** This server follows its primary: a plan that waited for that is told, and compares; one that ended is of no matter any more. */
  async followed(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    const plan = this.#stored?.plan;
    if (plan === undefined) return { kind: 'ready' };
    if (plan.ended !== undefined) {
      await this.#forget();
      return { kind: 'ready' };
    }
    const next = nextOfRejoin(plan);
    if (next.kind === 'step' && next.step.kind === 'follow')
      await this.#record(next.step, { kind: 'done' }, this.#deps.clock.now());
    return this.#run(primary, signal);
  }

  async #run(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    for (;;) {
      const { plan } = this.#standing();
      const next = nextOfRejoin(plan);
      if (next.kind === 'stays-out') return this.#stayOut(next.why);
      if (next.kind === 'finished') return this.#finish();
      if (next.step.kind === 'follow') return { kind: 'ready' };
      await this.#requireLeave(signal);
      const at = this.#deps.clock.now();
      const outcome = await this.#perform(next.step, plan, primary, signal);
      await this.#record(next.step, outcome, at);
    }
  }

  async #perform(
    step: Exclude<RejoinStep, { kind: 'follow' }>,
    plan: RejoinPlan,
    primary: Endpoint,
    signal: AbortSignal,
  ): Promise<RejoinOutcome> {
    const { log } = this.#deps;
    log.info('step started', { plan: plan.id, step: step.kind });
    try {
      return await performRejoin(step, plan, this.#effects(primary, signal));
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (signal.aborted || isPassing(error) || step.kind === 'save') throw error;
      log.error('step failed', { plan: plan.id, step: step.kind, code: error.code, error: error.message });
      const saved = outcomeOf(plan, 'saved');
      const where = saved === undefined ? '' : `; the transactions are saved in ${saved.directory}`;
      return { kind: 'failed', code: error.code, why: `${step.kind}: ${error.message}${where}` };
    }
  }

  #effects(primary: Endpoint, signal: AbortSignal): RejoinEffects {
    const { rejoin } = this.#deps;
    const { local, recall, gate } = this.#parts;
    if (rejoin === undefined) throw refused({ reason: 'no-rejoin', why: 'this agent takes nothing back' });
    return {
      deps: this.#deps,
      rejoin,
      gate,
      server: local.endpoint,
      primary,
      signal,
      dataDirectory: () => local.status?.binlog?.dataDirectory,
      peerTimeoutMs: this.#options.peerTimeoutMs,
      members: () => this.#parts.view.members ?? [],
      leave: () => this.#requireLeave(signal),
      source: () => openOwnBinlog(this.#deps, this.#options, { local, recall }),
    };
  }

  /** Between steps, somebody else may have become responsible. */
  async #requireLeave(signal: AbortSignal): Promise<PrimaryRecord> {
    signal.throwIfAborted();
    const facts = await this.#parts.view.refresh();
    if (facts?.record === undefined || facts.record.id === this.#parts.view.self)
      throw refused({ reason: 'no-primary', why: 'no other primary is recorded' });
    if (facts.planRunning) throw refused({ reason: 'plan-running', why: 'a plan is running' });
    if (facts.paused) throw refused({ reason: 'paused', why: 'the group is paused' });
    return facts.record;
  }

  async #record(step: RejoinStep, outcome: RejoinOutcome, at: number): Promise<void> {
    const { clock, log } = this.#deps;
    const { plan } = this.#standing();
    const tookMs = clock.now() - at;
    await this.#save(recordRejoin(plan, { step, outcome, at, tookMs }));
    log.info('step ended', { plan: plan.id, step: step.kind, outcome: outcome.kind, tookMs });
  }

  async #stayOut(why: string): Promise<RejoinState> {
    const { plan } = this.#standing();
    if (plan.ended === undefined) {
      this.#deps.log.error('this server stays out, read-only', { plan: plan.id, why });
      await this.#tell(plan, why);
      await this.#save({ ...plan, ended: why });
    }
    return { kind: 'stays-out', errant: plan.inputs.errant, why };
  }

  async #finish(): Promise<RejoinState> {
    const { plan } = this.#standing();
    await this.#tell(plan);
    await this.#forget();
    this.#deps.log.warn('this server is back as a replica; what only it had is saved', {
      plan: plan.id,
      directory: outcomeOf(plan, 'saved')?.directory,
      ...countsOfRejoin(plan),
    });
    return { kind: 'ready' };
  }

  #tell(plan: RejoinPlan, why?: string): Promise<void> {
    const record = historyOfRejoin(plan, { at: this.#deps.clock.now(), why });
    return appendHistory(this.#deps.coordination, plan.group, record);
  }

  #standing(): StoredRejoin {
    if (this.#stored === undefined) throw refused({ reason: 'no-rejoin', why: 'there is no plan any more' });
    return this.#stored;
  }

  async #save(plan: RejoinPlan): Promise<void> {
    this.#remember(await saveRejoin(this.#deps.coordination, plan, this.#stored?.version));
  }

  async #forget(): Promise<void> {
    await removeRejoin(this.#deps.coordination, this.#parts.view.self);
    this.#remember(undefined);
  }

  #remember(stored: StoredRejoin | undefined): void {
    this.#stored = stored;
    this.#known = true;
    const isUnfit = this.pending || (stored !== undefined && hasNoWayBack(stored.plan));
    this.#parts.gate.forbidOpening(
      isUnfit ? 'transactions that its primary lacked are being taken back here' : undefined,
    );
  }
}
