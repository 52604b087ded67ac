import { outcomeAs, type Next, type Plan } from './plan.ts';

/**
 * The hosts that could not be asked when a plan was blocked for want of what they know, and that are there now; [] when nothing else can
 * come of trying again. A plan blocked for another reason waits for an operator.
 */
export function whoKnowsMore(
  plan: Plan,
  { reason }: Extract<Next, { kind: 'blocked' }>,
  present: readonly string[],
): readonly string[] {
  if (plan.kind !== 'failover' || reason !== 'not-durable') return [];
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  const known = positions.filter(({ error }) => error === undefined).map(({ host }) => host);
  return present.filter((id) => !known.includes(id));
}
