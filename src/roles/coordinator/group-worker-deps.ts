import type { FailoverPolicy } from '../../core/decide/decide.ts';
import type { LagPolicy } from '../../core/decide/late-readers.ts';
import type { FailoverRules } from '../../core/plan/plan.ts';
import type { Observer } from './observe.ts';
import type { PlanRunner } from './plan-runner.ts';

/** What looking after a group needs; the same for every group of a coordinator. */
export interface GroupWorkerDeps {
  readonly observer: Observer;
  readonly runner: PlanRunner;
  readonly policy: FailoverPolicy & {
    readonly maxLoss: number;
    readonly catchUp: 'always' | 'never' | 'acked-only';
    /** Absent: everything is allowed. */
    readonly rules?: FailoverRules | undefined;
  };
  /** Everything is looked at again at least this often, ms. */
  readonly tickMs: number;
  /** A replica must be unwell for this long before it leaves the read list, ms. */
  readonly replicaGraceMs: number;
  /** When a late replica leaves it and comes back. */
  readonly lag: LagPolicy;
  /** Whether this coordinator is the one that tells operators and keeps the read list; failovers are anybody's. */
  readonly onDuty: () => boolean;
}
