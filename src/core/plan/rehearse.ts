import { next } from './next.ts';
import { record, type Next, type Plan } from './plan.ts';
import type { Outcome, Position, Step } from './steps.ts';

/** What a rehearsal assumes of the world, from servers that were asked without changing them. */
export interface Facts {
  readonly positions: readonly Position[];
  /** The old primary's executed set; undefined: it does not answer. */
  readonly executed: string | undefined;
  /** What forbids a planned change. */
  readonly problems?: readonly string[] | undefined;
}

export interface Rehearsal {
  readonly steps: readonly Step[];
  readonly ending: Exclude<Next, { kind: 'step' }>;
}

/** The transcript of a plan if every step went well: the same pure functions that run it, with nothing performed. */
export function rehearse(start: Plan, facts: Facts): Rehearsal {
  const steps: Step[] = [];
  let plan = start;
  for (;;) {
    const wanted = next(plan);
    if (wanted.kind !== 'step') return { steps, ending: wanted };
    steps.push(wanted.step);
    const outcome = imagine(wanted.step, facts);
    plan = record(plan, { step: wanted.step, outcome, at: plan.startedAt, tookMs: 0, by: plan.by });
  }
}

function imagine(step: Step, { positions, executed, problems }: Facts): Outcome {
  switch (step.kind) {
    case 'preflight':
      return { kind: 'surveyed', positions: [...positions], problems: [...(problems ?? [])] };
    case 'hold-route':
      return { kind: 'held', routers: [], without: [] };
    case 'fence':
      return executed === undefined
        ? { kind: 'fenced', evidence: 'process-gone', detail: 'assumed' }
        : { kind: 'fenced', evidence: 'read-only', detail: 'assumed', executed };
    case 'freeze':
      return { kind: 'positions', positions: positions.filter(({ host }) => step.hosts.includes(host)) };
    case 'catch-up': {
      const elected = positions.find(({ host }) => host === step.host);
      const held = [elected?.executed, elected?.retrieved, executed].filter(
        (set) => set !== undefined && set !== '',
      );
      return { kind: 'caught-up', transactions: 0, sizeBytes: 0, executed: held.join(',') };
    }
    case 'record-primary':
      return { kind: 'recorded', epoch: step.expectedEpoch + 1 };
    case 'repoint':
      return { kind: 'repointed', hosts: step.hosts, failed: [] };
    case 'channels':
      return { kind: 'channels', placed: [], failed: [] };
    case 'confirm-route':
      return { kind: 'confirmed', routers: [], missing: [] };
    case 'close-route':
    case 'prewarm':
    case 'await-leases':
    case 'equalize':
    case 'promote':
    case 'open-writes':
    case 'publish-route':
    case 'mark-rejoin':
    case 'resume-replication':
      return { kind: 'done' };
  }
}
