import { nextOfBootstrap } from './bootstrap.ts';
import { nextOfByHand } from './by-hand.ts';
import { nextOfFailover } from './failover.ts';
import { nextOfSwitchover } from './switchover.ts';
import type { Next, Plan } from './plan.ts';

/** What a plan wants now: a pure function of its journal. */
export function next(plan: Plan): Next {
  switch (plan.kind) {
    case 'failover':
      return nextOfFailover(plan);
    case 'bootstrap':
      return nextOfBootstrap(plan);
    case 'by-hand':
      return nextOfByHand(plan);
    case 'switchover':
      return nextOfSwitchover(plan);
  }
}
