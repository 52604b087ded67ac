import { doingOf, historyOfRejoin } from '../../core/rejoin/history.ts';
import {
  hasNoWayBack,
  recordRejoin,
  type RejoinOutcome,
  type RejoinPlan,
  type RejoinStep,
} from '../../core/rejoin/plan.ts';
import { appendHistory } from '../../core/store/history.ts';
import { readRejoin, removeRejoin, saveRejoin, type StoredRejoin } from '../../core/store/rejoin-plans.ts';
import type { AgentDeps } from './deps.ts';
import type { WriteGate } from './fence.ts';
import { refused } from './refusal.ts';

/** The plan of this server's return, as ZooKeeper keeps it: what was begun is seen by whoever goes on with it, and nobody opens the server. */
export class RejoinLedger {
  readonly #deps: AgentDeps;
  readonly #self: string;
  readonly #gate: WriteGate;
  #stored: StoredRejoin | undefined;
  /** Undefined until the plan was looked for once. */
  #known = false;

  constructor(deps: AgentDeps, parts: { readonly self: string; readonly gate: WriteGate }) {
    this.#deps = deps;
    this.#self = parts.self;
    this.#gate = parts.gate;
  }

  /** As it was read or written last. */
  get plan(): RejoinPlan | undefined {
    return this.#stored?.plan;
  }

  /** A plan waits for something to be done, or it is not known yet whether one does. */
  get pending(): boolean {
    return !this.#known || (this.#stored !== undefined && this.#stored.plan.ended === undefined);
  }

  /** What is going on, for the presence. */
  get going(): string | undefined {
    const { plan } = this;
    return plan === undefined || plan.ended !== undefined ? undefined : doingOf(plan);
  }

  /** Throws PEER_REFUSED when there is none. */
  standing(): RejoinPlan {
    if (this.plan === undefined) throw refused({ reason: 'no-rejoin', why: 'there is no plan any more' });
    return this.plan;
  }

  async load(): Promise<RejoinPlan | undefined> {
    this.#remember(await readRejoin(this.#deps.coordination, this.#self));
    return this.plan;
  }

  /** Reads it once: whoever has not looked does not know whether this server may be opened. */
  async look(): Promise<RejoinPlan | undefined> {
    return this.#known ? this.plan : this.load();
  }

  async save(plan: RejoinPlan): Promise<void> {
    this.#remember(await saveRejoin(this.#deps.coordination, plan, this.#stored?.version));
  }

  /** `at`: when the step began. */
  async record(step: RejoinStep, outcome: RejoinOutcome, at: number): Promise<void> {
    const { clock, log } = this.#deps;
    const plan = this.standing();
    const tookMs = clock.now() - at;
    await this.save(recordRejoin(plan, { step, outcome, at, tookMs }));
    log.info('step ended', { plan: plan.id, step: step.kind, outcome: outcome.kind, tookMs });
  }

  async forget(): Promise<void> {
    await removeRejoin(this.#deps.coordination, this.#self);
    this.#remember(undefined);
  }

  /** Into the history of the group; `why`: it stays out. */
  async tell(plan: RejoinPlan, why?: string): Promise<void> {
    const record = historyOfRejoin(plan, { at: this.#deps.clock.now(), why });
    await appendHistory(this.#deps.coordination, plan.group, record);
  }

  #remember(stored: StoredRejoin | undefined): void {
    this.#stored = stored;
    this.#known = true;
    const isUnfit = this.pending || (stored !== undefined && hasNoWayBack(stored.plan));
    this.#gate.forbidOpening(
      isUnfit ? 'transactions that its primary lacked are being taken back here' : undefined,
    );
  }
}
