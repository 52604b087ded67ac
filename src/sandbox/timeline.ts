import { z } from 'zod';

/** What a history record says of a failover, as far as the timeline needs it. */
const failoverRecord = z.looseObject({
  id: z.string(),
  kind: z.literal('failover'),
  result: z.string(),
  cause: z.string().optional(),
  startedAt: z.number(),
  /** When the agent saw the trouble. */
  since: z.number().optional(),
  evidence: z.string().optional(),
  why: z.string().optional(),
  lost: z.number().optional(),
  steps: z.array(
    z.looseObject({ step: z.string(), outcome: z.string(), at: z.number(), tookMs: z.number() }),
  ),
});
export type FailoverRecord = z.infer<typeof failoverRecord>;

/** The newest failover in what `dcmha history --json` printed. */
export function newestFailover(json: string): FailoverRecord | undefined {
  const records = z.array(z.unknown()).parse(JSON.parse(json));
  return records.map((record) => failoverRecord.safeParse(record)).find(({ success }) => success)?.data;
}

/** A moment of a failover, in ms after the primary was killed. */
export interface Moment {
  readonly name: string;
  readonly afterMs: number;
}

// The moment is the end of the step; the election is made of what the freeze brought.
const moments: readonly (readonly [name: string, step: string])[] = [
  ['fenced', 'fence'],
  ['leases over', 'await-leases'],
  ['elected', 'freeze'],
  ['caught up', 'catch-up'],
  ['recorded', 'record-primary'],
  ['opened', 'open-writes'],
  ['routed', 'publish-route'],
  ['repointed', 'repoint'],
  ['confirmed', 'confirm-route'],
];

/** When the agent noticed, when a coordinator had decided, and when each thing was done. Steps that the plan did not need are left out. */
export function timelineOf(record: FailoverRecord, killedAt: number): readonly Moment[] {
  const done = moments.flatMap(([name, wanted]) => {
    const step = record.steps.findLast((candidate) => candidate.step === wanted);
    return step === undefined ? [] : [{ name, afterMs: step.at + step.tookMs - killedAt }];
  });
  const noticed = record.since === undefined ? [] : [{ name: 'noticed', afterMs: record.since - killedAt }];
  return [...noticed, { name: 'detected', afterMs: record.startedAt - killedAt }, ...done];
}
