import { isDone, type Next, type Plan } from './plan.ts';

/**
 * After the repointing, regional channels follow the primary: they are set up on `to`, and taken from `from` where it answers. Undefined
 * once that was tried. What cannot be done then is done by the coordinator that looks after the group, so this never blocks a plan.
 */
export function towardsChannels(
  plan: Plan,
  move: { readonly from: string; readonly to: string },
): Next | undefined {
  if (isDone(plan, 'channels')) return undefined;
  return { kind: 'step', step: { kind: 'channels', ...move } };
}
