import { DcmhaError, hasCode } from '../core/model/errors.ts';
import type { Approval } from '../core/model/approval.ts';
import { knownLoss } from '../core/plan/failover.ts';
import { next } from '../core/plan/next.ts';
import { approvable, approved, type Plan } from '../core/plan/plan.ts';
import { giveApproval, readApproval } from '../core/store/approvals.ts';
import { readJournal, saveJournal } from '../core/store/journal.ts';
import { readPolicy } from '../core/store/policy.ts';
import type { Coordination } from '../ports/coordination.ts';
import { planOf } from '../roles/coordinator/plan-runner.ts';
import type { Context } from './context.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { confirm, operatorName } from './operator.ts';
import { formatTime, print } from './output.ts';

export interface ApproveCall {
  readonly context: Context;
  readonly group: string;
  /** How long it stays in force; undefined: as the policy says. */
  readonly for: string | undefined;
  readonly json: boolean;
  readonly yes: boolean;
}

/**
 * Lets the failover that waits go on: one that has not begun, or a plan that is blocked by a rule. Throws `NOT_FOUND` when nothing waits,
 * `PEER_REFUSED` when the plan is blocked by something that no approval can change.
 */
export async function approve(call: ApproveCall): Promise<void> {
  const { context, group, json, yes } = call;
  const store = await context.coordination();
  const forMs = await lengthOf(call, store);
  const waiting = (await waitingPlan(store, group)) ?? (await waitingRequest(store, group));
  await confirm(yes, `${group}: ${waiting.why}. This will be allowed, once.`);
  const at = context.clock.now();
  const { lost } = waiting;
  const approval: Approval = {
    by: operatorName(),
    at,
    until: at + forMs,
    ...(lost === undefined ? {} : { lost }),
  };
  await waiting.give(approval);
  print(json, { group, why: waiting.why, approval }, () =>
    [
      `approved: ${waiting.why}`,
      `${group} fails over now; void when nothing came of it by ${formatTime(approval.until)} UTC (${formatDuration(forMs)})`,
    ].join('\n'),
  );
}

interface Waiting {
  readonly why: string;
  readonly lost?: number;
  readonly give: (approval: Approval) => Promise<void>;
}

async function lengthOf({ context, group, for: text }: ApproveCall, store: Coordination): Promise<number> {
  if (text !== undefined) return parseDuration(text, '--for');
  return (await readPolicy(store, group)).failover?.approvalMs ?? context.config.failover.approvalMs;
}

async function waitingPlan(store: Coordination, group: string): Promise<Waiting | undefined> {
  const state = await readJournal(store, group);
  if (state?.kind !== 'running') return undefined;
  const plan = planOf(state.journal);
  const now = next(plan);
  if (now.kind !== 'blocked')
    throw new DcmhaError('NOT_FOUND', `the ${plan.kind} of ${group} is running and waits for nobody`);
  if (!approvable.has(now.reason)) {
    throw new DcmhaError(
      'PEER_REFUSED',
      `the ${plan.kind} of ${group} is blocked by what no approval changes: ${now.why}. ` +
        `dcmha task retry --group ${group}, or dcmha task abandon --group ${group}`,
      { details: { group, reason: now.reason } },
    );
  }
  return {
    why: now.why,
    ...lossIn(plan, now.reason),
    give: async (approval) => {
      const changed = approved(plan, approval);
      await saveJournal(store, { ...changed, by: approval.by }, state.version);
    },
  };
}

function lossIn(plan: Plan, reason: string): { readonly lost?: number } {
  if (plan.kind !== 'failover' || reason !== 'would-lose-data') return {};
  return { lost: Number(knownLoss(plan).count) };
}

async function waitingRequest(store: Coordination, group: string): Promise<Waiting> {
  const stored = await readApproval(store, group);
  if (stored === undefined)
    throw new DcmhaError('NOT_FOUND', `nothing waits for approval in group ${group}: dcmha status`, {
      details: { group },
    });
  return {
    why: stored.request.why,
    give: async (approval) => {
      try {
        await giveApproval(store, group, stored, approval);
      } catch (cause) {
        if (!hasCode(cause, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw cause;
        throw new DcmhaError('ZNODE_CONFLICT', `what waited in ${group} has changed meanwhile: look again`, {
          details: { group },
          cause,
        });
      }
    },
  };
}
