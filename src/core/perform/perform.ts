import { DcmhaError } from '../model/errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { SwitchoverTerms } from '../plan/switchover-terms.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { catchUp } from './catch-up.ts';
import { unlessGone } from './elected-gone.ts';
import { moveChannels } from './channels.ts';
import type { PerformContext } from './context.ts';
import { markRejoin } from './data.ts';
import { completeFromRegions } from './regional-catch-up.ts';
import { awaitLeases, fence, openWrites, recordNewPrimary } from './fencing.ts';
import { holdRoute, prewarm } from './hold.ts';
import { preflight } from './preflight.ts';
import { repoint, resumeReplication } from './repoint.ts';
import { equalize, freeze, promote } from './replication.ts';
import { closeRoute, confirmRoute, publishNewRoute } from './routing.ts';

function termsOf(plan: Plan): SwitchoverTerms {
  if (plan.kind === 'switchover') return plan.inputs.terms;
  throw new DcmhaError('UNEXPECTED', `a ${plan.kind} has no terms of a planned change`);
}

/** Does what a step says, through ports; makes no choice of the plan's. `deadline` is by the monotonic clock, ms. */
export function perform(step: Step, plan: Plan, context: PerformContext, deadline: number): Promise<Outcome> {
  switch (step.kind) {
    case 'preflight':
      return preflight(step, termsOf(plan), context);
    case 'prewarm':
      return prewarm(step, termsOf(plan), context);
    case 'hold-route':
      return holdRoute(step, context, deadline);
    case 'close-route':
      return closeRoute(context);
    case 'fence':
      return fence(step, context);
    case 'await-leases':
      return awaitLeases(step, context, deadline);
    case 'freeze':
      return freeze(step, context);
    case 'equalize':
      return unlessGone(step.host, context, equalize(step, context, deadline));
    case 'catch-up':
      return unlessGone(step.host, context, catchUpAll(step, plan, context, deadline));
    case 'promote':
      return unlessGone(step.host, context, promote(step, context, deadline));
    case 'record-primary':
      return recordNewPrimary(step, context);
    case 'open-writes':
      return openWrites(step, context);
    case 'publish-route':
      return publishNewRoute(step, context, plan.kind === 'switchover');
    case 'repoint':
      return repoint(step, context);
    case 'channels':
      return moveChannels(step, context);
    case 'confirm-route':
      return confirmRoute(context);
    case 'mark-rejoin':
      return markRejoin(step, plan, context);
    case 'resume-replication':
      return resumeReplication(step, context);
  }
}

/** From the old primary's binlog, and what it does not give from other regions. */
async function catchUpAll(
  step: Extract<Step, { kind: 'catch-up' }>,
  plan: Plan,
  context: PerformContext,
  stepDeadline: number,
): Promise<Outcome> {
  const outcome = await catchUp(step, plan, context, stepDeadline);
  return completeFromRegions(outcome, step, { plan, context, stepDeadline });
}
