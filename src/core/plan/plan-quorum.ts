import { whyNoQuorum } from '../decide/quorum.ts';
import { outcomeAs, type FailoverPlan } from './plan.ts';

/**
 * Why a plan must not go on with the candidates that it has, or undefined: those that could not be asked may hold what nobody else does,
 * where neither the old primary itself nor its binlog has told what there is. `asked` instead of those that were: what would become of it.
 */
export function whyTooFewAsked(plan: FailoverPlan, asked?: readonly string[]): string | undefined {
  const { quorum, members, oldPrimary } = plan.inputs;
  const isKnown =
    outcomeAs(plan, 'fence', 'fenced')?.executed !== undefined ||
    outcomeAs(plan, 'catch-up', 'caught-up') !== undefined;
  if (quorum === undefined || isKnown) return undefined;
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  const frozen = positions.filter(({ error }) => error === undefined).map(({ host }) => host);
  return whyNoQuorum(
    members.filter(({ id }) => id !== oldPrimary),
    asked ?? frozen,
    quorum,
  );
}
