import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { historyOf } from '../../../src/core/plan/history.ts';
import { next } from '../../../src/core/plan/next.ts';
import { abandoned, record, type ByHandPlan } from '../../../src/core/plan/plan.ts';
import type { Outcome, Step } from '../../../src/core/plan/steps.ts';
import { gtids, position } from '../../support/group-builder.ts';

function byHand(inputs: Partial<ByHandPlan['inputs']> = {}): ByHandPlan {
  const common = {
    program: 1,
    id: 'p',
    group: 'g1',
    by: 'c',
    startedAt: 0,
    startedBy: 'c',
    entries: [],
  } as const;
  const given = { cause: 'operator dba', host: 'b', oldPrimary: 'a', epoch: 4, watermark: '', reroute: true };
  return {
    ...common,
    entries: [],
    kind: 'by-hand',
    inputs: { ...given, read: ['b', 'c'], skipped: [], ...inputs },
  };
}

const good: Partial<Record<Step['kind'], Outcome>> = {
  fence: { kind: 'fenced', evidence: 'read-only', detail: 'its agent', executed: gtids('1-9') },
  freeze: { kind: 'positions', positions: [position('b', gtids('1-9'))] },
  'record-primary': { kind: 'recorded', epoch: 5 },
};

function play(start: ByHandPlan, outcomes: Partial<Record<Step['kind'], Outcome>>): ByHandPlan {
  let plan = start;
  for (;;) {
    const wanted = next(plan);
    if (wanted.kind !== 'step') return plan;
    const outcome = outcomes[wanted.step.kind] ?? { kind: 'done' };
    plan = record(plan, { step: wanted.step, outcome, at: 0, tookMs: 0, by: 'x' });
  }
}

const kinds = (plan: ByHandPlan) => plan.entries.map(({ step }) => step.kind);

describe('plan of a primary that an operator names', () => {
  it('fences the former one before it records the new one', () => {
    const plan = play(byHand(), good);
    assert.deepEqual(kinds(plan), [
      'fence',
      'freeze',
      'promote',
      'record-primary',
      'open-writes',
      'publish-route',
      'mark-rejoin',
    ]);
    assert.deepEqual(plan.entries.at(-2)?.step, { kind: 'publish-route', write: 'b', read: ['c'] });
    const { evidence, lost } = historyOf(plan, { at: 0, result: 'done' });
    assert.deepEqual([evidence, lost], ['read-only: its agent', 0]);
  });

  it('leaves the route alone when it is told to', () => {
    assert.ok(!kinds(play(byHand({ reroute: false }), good)).includes('publish-route'));
    const away = { ...good, fence: { kind: 'unreachable', why: 'silent' } } as const;
    assert.ok(kinds(play(byHand({ reroute: false }), away)).includes('publish-route'), 'it was closed');
  });

  it('needs the word of the routers, too, where the former one is silent', () => {
    const plan = play(byHand(), { ...good, fence: { kind: 'unreachable', why: 'silence' } });
    assert.deepEqual(kinds(plan).slice(0, 4), ['fence', 'close-route', 'await-leases', 'freeze']);
  });

  it('records nobody without evidence, and gives everything back when it is abandoned', () => {
    const silent: typeof good = {
      ...good,
      fence: { kind: 'unreachable', why: 'silence' },
      'await-leases': { kind: 'failed', code: 'TIMED_OUT', why: 'not certain that a is closed' },
    };
    const blocked = play(byHand(), silent);
    assert.ok(!kinds(blocked).includes('record-primary'));
    const undone = play(abandoned(blocked, 'dba'), good);
    assert.deepEqual(
      undone.entries.slice(-2).map(({ step }) => step),
      [
        { kind: 'record-primary', host: 'a', expectedEpoch: 4 },
        { kind: 'publish-route', write: 'a', read: ['b', 'c'] },
      ],
    );
    assert.deepEqual(next(undone), { kind: 'finished', result: 'abandoned', primary: 'a' });
  });

  it('is blocked when the named one cannot be the primary', () => {
    const dead = position('b', '', { error: 'its agent does not answer' });
    const now = next(play(byHand(), { ...good, freeze: { kind: 'positions', positions: [dead] } }));
    assert.deepEqual(now, { kind: 'blocked', reason: 'no-candidate', why: 'b: its agent does not answer' });
  });

  it('tells what the named one lacks', () => {
    const behind: Outcome = { kind: 'positions', positions: [position('b', gtids('1-7'))] };
    const record = historyOf(play(byHand(), { ...good, freeze: behind }), { at: 0, result: 'done' });
    assert.deepEqual([record['lost'], record['lostGtids']], [2, gtids('8-9')]);
  });
});
