import type { Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import { countsOfRejoin } from '../../core/rejoin/history.ts';
import {
  beforeRecovery,
  hasNoWayBack,
  nextOfRejoin,
  outcomeOf,
  REJOIN_PROGRAM,
  type RejoinOutcome,
  type RejoinPlan,
  type RejoinStep,
  waitsForDonor,
} from '../../core/rejoin/plan.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import type { WriteGate } from './fence.ts';
import { requireLeave } from './leave.ts';
import type { AgentRecall } from './memory.ts';
import { openOwnBinlog } from './own-binlog.ts';
import { isPassing } from './passing.ts';
import { refused } from './refusal.ts';
import type { RejoinLedger } from './rejoin-ledger.ts';
import type { RejoinEffects } from './rejoin-effects.ts';
import { performRejoin } from './rejoin-steps.ts';
import type { GroupView } from './view.ts';
import { boundEpoch, clonePolicyOf, isStillTrue, reopened, whyHalfCloned } from './rejoin-standing.ts';

const sqlMs = 10_000;

interface RejoinParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly gate: WriteGate;
  readonly recall: AgentRecall;
  readonly ledger: RejoinLedger;
}

/** What the comparison with the primary found. */
export interface Divergence {
  /** Id of the primary. */
  readonly primary: string;
  readonly epoch: number;
  readonly own: string;
  readonly errant: string;
}

/** `ready`: this server may follow the recorded primary. `mayPass`: what keeps it out may be over by itself. */
export type RejoinState =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'stays-out';
      readonly why: string;
      readonly errant: string;
      readonly mayPass?: boolean;
    };

/**
 * Brings this server back when it holds transactions that its primary lacks: saves them, takes them back, makes its GTIDs what it shares, and
 * when it replicates again compares the tables. The plan is in ZooKeeper; killed at any moment, it is resumed.
 */
export class Rejoiner {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #parts: RejoinParts;
  readonly #ledger: RejoinLedger;

  constructor(deps: AgentDeps, options: AgentOptions, parts: RejoinParts) {
    this.#deps = deps;
    this.#options = options;
    this.#parts = parts;
    this.#ledger = parts.ledger;
  }

  /** Whether what only this server has is taken back without being asked for. */
  get isAutomatic(): boolean {
    const { automatic = this.#options.rejoinAutomatic } = this.#parts.view.policy.rejoin ?? {};
    return this.#deps.rejoin !== undefined && automatic === true;
  }

  /** A plan waits for something to be done, or it is not known yet whether one does. */
  get pending(): boolean {
    return this.#deps.rejoin !== undefined && this.#ledger.pending;
  }

  /** The last plan ended without bringing the server back. */
  get hasEnded(): boolean {
    return this.#ledger.plan?.ended !== undefined;
  }

  /** Its transactions are gone, and with them its replication: this server must be attached again, whatever it was doing before. */
  get awaitsFollow(): boolean {
    const { plan } = this.#ledger;
    const next = plan === undefined ? undefined : nextOfRejoin(plan);
    return next?.kind === 'step' && next.step.kind === 'follow';
  }

  /** What is going on, for the presence: until it is over, this server is neither to be read from nor to be elected. */
  get going(): string | undefined {
    return this.#ledger.going;
  }

  /**
   * Where this server was made the primary while a return of it was planned, what was to be taken back is its own again. A plan that has begun to
   * take back stands and forbids opening, for rows are gone whose names are still here.
   */
  async cede(signal: AbortSignal): Promise<void> {
    const { rejoin, log } = this.#deps;
    const { view, local } = this.#parts;
    if (rejoin === undefined || view.facts?.record?.id !== view.self) return;
    const plan = await this.#ledger.look();
    if (plan === undefined || plan.ended !== undefined || hasNoWayBack(plan)) return;
    if (await rejoin.rollback.isMarked(local.endpoint, plan.id, { timeoutMs: sqlMs, signal })) return;
    log.warn('the return of this server is called off: it is the primary itself now', { plan: plan.id });
    await this.#ledger.forget();
  }

  /** Goes on with a plan that was begun, before anything else is done to replication. */
  async resume(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    if (this.#deps.rejoin === undefined) return { kind: 'ready' };
    const { log } = this.#deps;
    const plan = await this.#ledger.load();
    if (plan?.ended !== undefined) return this.#reopen(plan, primary, signal);
    if (plan === undefined) return this.#withoutPlan(signal);
    if (plan.entries.length === 0) return { kind: 'ready' };
    const bound = boundEpoch(plan);
    if (bound !== undefined && bound !== this.#parts.view.facts?.record?.epoch) {
      log.warn('the return of this server is planned anew: its primary is another one now', {
        plan: plan.id,
      });
      await this.#ledger.forget();
      return { kind: 'ready' };
    }
    const server = this.#parts.local.endpoint;
    if (!(await isStillTrue(plan, this.#deps, { server, signal }))) {
      if (outcomeOf(plan, 'recovered') !== undefined) {
        await this.#ledger.save(beforeRecovery(plan));
        return this.#run(primary, signal);
      }
      log.warn('the return of this server is planned anew: its transactions are others now', {
        plan: plan.id,
      });
      await this.#ledger.forget();
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
    const again = await reopened(plan, policy, { mysql: this.#deps.mysql, rejoin, server, signal });
    if (again === undefined) return { kind: 'ready' };
    if (nextOfRejoin(again).kind === 'stays-out')
      return { kind: 'stays-out', errant: plan.inputs.errant, why: plan.ended ?? '' };
    await this.#ledger.save(again);
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
    await requireLeave(view, signal, divergence.epoch);
    const group = view.member?.group ?? '';
    const before = this.#ledger.plan;
    const isSame = before?.inputs.errant === errant && before.inputs.own === divergence.own;
    const startedAt = isSame ? before.startedAt : this.#deps.clock.now();
    const clone = await clonePolicyOf(this.#deps, this.#options, group);
    await this.#ledger.save({
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
        plan: this.#ledger.plan?.id,
        gtids: errant,
      },
    );
    return this.#run(primary, signal);
  }

  /** This server follows its primary: a plan that waited for that is told, and compares; one that ended is of no matter any more. */
  async followed(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    const plan = this.#ledger.plan;
    if (plan === undefined) return { kind: 'ready' };
    if (plan.ended !== undefined) {
      await this.#ledger.forget();
      return { kind: 'ready' };
    }
    if (this.awaitsFollow)
      await this.#ledger.record({ kind: 'follow' }, { kind: 'done' }, this.#deps.clock.now());
    return this.#run(primary, signal);
  }

  async #run(primary: Endpoint, signal: AbortSignal): Promise<RejoinState> {
    for (;;) {
      const plan = this.#ledger.standing();
      const next = nextOfRejoin(plan);
      if (next.kind === 'stays-out') return this.#stayOut(next.why);
      if (next.kind === 'finished') return this.#finish();
      if (next.step.kind === 'follow') return { kind: 'ready' };
      await requireLeave(this.#parts.view, signal, boundEpoch(plan));
      const at = this.#deps.clock.now();
      const outcome = await this.#perform(next.step, plan, primary, signal);
      await this.#ledger.record(next.step, outcome, at);
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
      leave: () => requireLeave(this.#parts.view, signal),
      source: () => openOwnBinlog(this.#deps, this.#options, { local, recall }),
    };
  }

  async #stayOut(why: string): Promise<RejoinState> {
    const plan = this.#ledger.standing();
    if (plan.ended === undefined) {
      this.#deps.log.error('this server stays out, read-only', { plan: plan.id, why });
      await this.#ledger.tell(plan, why);
      await this.#ledger.save({ ...plan, ended: why });
    }
    return { kind: 'stays-out', errant: plan.inputs.errant, why, mayPass: waitsForDonor(plan) };
  }

  async #finish(): Promise<RejoinState> {
    const plan = this.#ledger.standing();
    await this.#ledger.tell(plan);
    await this.#ledger.forget();
    this.#deps.log.warn('this server is back as a replica; what only it had is saved', {
      plan: plan.id,
      directory: outcomeOf(plan, 'saved')?.directory,
      ...countsOfRejoin(plan),
    });
    return { kind: 'ready' };
  }
}
