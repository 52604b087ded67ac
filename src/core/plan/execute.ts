import type { Clock, Log } from '../../ports/system.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../model/errors.ts';
import { next } from './next.ts';
import { mayOverlap } from './overlap.ts';
import { record, type Next, type Plan } from './plan.ts';
import type { Outcome, Step } from './steps.ts';
import { WriteBehind } from './write-behind.ts';

/** How a plan's steps are done and kept. */
export interface Execution {
  /** Performs one step; may be called again for the same step. `deadline` is by the monotonic clock, ms. */
  readonly perform: (step: Step, plan: Plan, deadline: number) => Promise<Outcome>;
  /** Writes the journal. Throws `LOCK_LOST` when another coordinator has taken the plan over. */
  readonly save: (plan: Plan) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly by: string;
  readonly stepTimeoutMs: (step: Step, plan: Plan) => number;
  /** Asked when a step fails: whether somebody else would see more. */
  readonly mustStepBack?: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

export type Ending = Exclude<Next, { kind: 'step' }> & { readonly plan: Plan };

const firstPauseMs = 20;
const longestPauseMs = 1000;

/**
 * Takes the next step, performs it, records what it brought, saves; until the plan is finished or blocked. Knows no step. What is put into the
 * journal is waited for before the plan ends, and before any step that must not begin without it.
 * Throws `LOCK_LOST` when superseded and `SESSION_LOST` when the journal cannot be written: then the plan is resumed by whoever can.
 */
export async function execute(start: Plan, execution: Execution): Promise<Ending> {
  const journal = new WriteBehind(execution);
  let plan = start;
  for (;;) {
    execution.signal.throwIfAborted();
    const wanted = next(plan);
    if (wanted.kind !== 'step' || !mayOverlap(wanted.step, plan)) await journal.flush();
    if (wanted.kind !== 'step') return { ...wanted, plan };
    const { clock, log } = execution;
    const began = clock.monotonic();
    const at = clock.now();
    log.info('step started', { plan: plan.id, step: wanted.step.kind });
    const outcome = await attempt(wanted.step, plan, execution);
    const tookMs = Math.round((clock.monotonic() - began) * 10) / 10;
    plan = record(plan, { step: wanted.step, outcome, at, tookMs, by: execution.by });
    await journal.put(plan);
    log.info('step ended', { plan: plan.id, step: wanted.step.kind, outcome: outcome.kind, tookMs });
  }
}

/** Retries until it works or the step's deadline passes; then the failure is the outcome. */
async function attempt(step: Step, plan: Plan, execution: Execution): Promise<Outcome> {
  const { clock, signal, log } = execution;
  const deadline = clock.monotonic() + execution.stepTimeoutMs(step, plan);
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    try {
      return await execution.perform(step, plan, deadline);
    } catch (thrown) {
      if (hasCode(thrown, 'LOCK_LOST')) throw thrown;
      signal.throwIfAborted();
      const error = toDcmhaError(thrown);
      log.warn('step failed', { plan: plan.id, step: step.kind, code: error.code, error: error.message });
      await stepBackIfMust(execution, plan, error);
      if (clock.monotonic() + pause >= deadline)
        return { kind: 'failed', code: error.code, why: error.message };
      await clock.pause(pause, signal);
      signal.throwIfAborted();
    }
  }
}

/** Nothing is recorded then: the step failed for want of a network, and the next one who takes the plan may have it. */
async function stepBackIfMust(
  { mustStepBack, log }: Execution,
  plan: Plan,
  cause: DcmhaError,
): Promise<void> {
  if (!hasCode(cause, 'MYSQL_UNREACHABLE', 'PEER_UNREACHABLE', 'TIMED_OUT')) return;
  if ((await mustStepBack?.()) !== true) return;
  log.warn('plan left to other coordinators', { plan: plan.id, error: cause.message });
  throw new DcmhaError(
    'LOCK_LOST',
    `the plan of ${plan.group} is left to others, who see more of the group`,
    { cause },
  );
}
