import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DcmhaError } from '../../../src/core/model/errors.ts';
import { execute, type Ending } from '../../../src/core/plan/execute.ts';
import type { Plan } from '../../../src/core/plan/plan.ts';
import type { Outcome, Step } from '../../../src/core/plan/steps.ts';
import { failoverPlan, gtids, position } from '../../support/group-builder.ts';
import { silentLog } from '../../support/test-log.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const outcomes: Partial<Record<Step['kind'], Outcome>> = {
  fence: { kind: 'fenced', evidence: 'process-gone', detail: '' },
  freeze: { kind: 'positions', positions: [position('b', gtids('1-9')), position('c', gtids('1-9'))] },
  'catch-up': { kind: 'caught-up', transactions: 0, sizeBytes: 0, executed: gtids('1-9') },
  'record-primary': { kind: 'recorded', epoch: 5 },
  repoint: { kind: 'repointed', hosts: ['c'], failed: [] },
};

interface Write {
  readonly plan: Plan;
  readonly end: (error?: DcmhaError) => void;
}

/** A failover whose steps take `stepMs`, and whose journal is written when the test says so. */
class SlowJournal {
  readonly performed: Step['kind'][] = [];
  readonly ending: Promise<Ending>;
  readonly #clock = new VirtualClock();
  readonly #writes: Write[] = [];

  constructor(stepMs: number) {
    this.ending = execute(failoverPlan(), {
      perform: async ({ kind }) => {
        this.performed.push(kind);
        await this.#clock.pause(stepMs);
        return outcomes[kind] ?? { kind: 'done' };
      },
      save: (plan) =>
        new Promise((resolve, reject) => {
          this.#writes.push({ plan, end: (error) => (error === undefined ? resolve() : reject(error)) });
        }),
      clock: this.#clock,
      log: silentLog,
      by: 'test',
      stepTimeoutMs: () => 1000,
      signal: new AbortController().signal,
    });
    this.ending.catch(() => undefined);
  }

  /** The steps that the write in progress holds, once the plan does not go on without it. */
  async writing(): Promise<readonly Step['kind'][]> {
    await this.#clock.runFor(600);
    assert.ok(this.#writes.length <= 1, 'one write at a time');
    return this.#writes[0]?.plan.entries.map(({ step }) => step.kind) ?? [];
  }

  /** Ends the write in progress. */
  written(error?: DcmhaError): void {
    this.#writes.shift()?.end(error);
  }
}

/** Longer than a write is held back for. */
const slowMs = 60;

const upToFreeze = ['close-route', 'fence', 'freeze'] as const;
const upToRecord = [...upToFreeze, 'catch-up', 'promote', 'record-primary'] as const;

describe('a failover and its journal', () => {
  it('goes one step ahead of it, and no further', async () => {
    const failover = new SlowJournal(slowMs);
    assert.deepEqual(await failover.writing(), ['close-route']);
    assert.deepEqual(failover.performed, ['close-route', 'fence']);
    failover.written();
    assert.deepEqual(await failover.writing(), ['close-route', 'fence']);
    assert.deepEqual(failover.performed, upToFreeze);
  });

  it('has two quick steps written at once', async () => {
    const failover = new SlowJournal(0);
    assert.deepEqual(await failover.writing(), ['close-route', 'fence']);
    assert.deepEqual(failover.performed, upToFreeze);
    failover.written();
    assert.deepEqual(await failover.writing(), upToFreeze);
    assert.deepEqual(failover.performed, upToFreeze);
  });

  for (const stepMs of [0, slowMs])
    it(`elects, records and ends by what is written only, with steps of ${stepMs} ms`, async () => {
      const failover = new SlowJournal(stepMs);
      const held = new Set<string>();
      for (;;) {
        const written = await failover.writing();
        if (written.length === 0) break;
        if (failover.performed.length === written.length) held.add(written.at(-1) ?? '');
        failover.written();
      }
      const { kind } = await failover.ending;
      assert.equal(kind, 'finished');
      // These were not followed by anything before they were in the journal.
      for (const step of ['freeze', 'promote', 'mark-rejoin']) assert.ok(held.has(step), step);
      for (const step of ['close-route', 'fence', 'catch-up', 'record-primary', 'open-writes'])
        assert.ok(!held.has(step), step);
      assert.deepEqual(failover.performed.slice(0, upToRecord.length), upToRecord);
    });

  it('is left at the next step when it turns out to be in other hands', async () => {
    const failover = new SlowJournal(slowMs);
    await failover.writing();
    failover.written(new DcmhaError('LOCK_LOST', 'taken over'));
    await assert.rejects(failover.ending, { code: 'LOCK_LOST' });
    assert.deepEqual(failover.performed, ['close-route', 'fence']);
  });
});
