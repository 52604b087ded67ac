import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { next } from '../../../src/core/plan/next.ts';
import {
  abandoned,
  approved,
  record,
  retried,
  withoutStaleApproval,
  type FailoverPlan,
} from '../../../src/core/plan/plan.ts';
import { rehearse } from '../../../src/core/plan/rehearse.ts';
import type { Outcome, Step } from '../../../src/core/plan/steps.ts';
import { failoverPlan, gtids, planMember, position } from '../../support/group-builder.ts';

const even = [position('b', gtids('1-9')), position('c', gtids('1-9'))];

/** Performs the plan with these outcomes by kind of step ('done' for others) until it stops or reaches `until`. */
function play(
  start: FailoverPlan,
  outcomes: Partial<Record<Step['kind'], Outcome>>,
  until?: Step['kind'],
): FailoverPlan {
  let plan = start;
  for (;;) {
    const wanted = next(plan);
    if (wanted.kind !== 'step' || wanted.step.kind === until) return plan;
    const outcome = outcomes[wanted.step.kind] ?? { kind: 'done' };
    plan = record(plan, { step: wanted.step, outcome, at: 0, tookMs: 0, by: 'x' });
  }
}

const good: Partial<Record<Step['kind'], Outcome>> = {
  fence: { kind: 'fenced', evidence: 'process-gone', detail: '' },
  freeze: { kind: 'positions', positions: even },
  'catch-up': { kind: 'caught-up', transactions: 0, sizeBytes: 0, executed: gtids('1-9') },
  'record-primary': { kind: 'recorded', epoch: 5 },
  repoint: { kind: 'repointed', hosts: ['c'], failed: [] },
};

const kinds = (plan: FailoverPlan) => plan.entries.map(({ step }) => step.kind);

describe('failover plan', () => {
  it('opens writes only after the record, lets the routers follow meanwhile, and then repoints', () => {
    const { steps, ending } = rehearse(failoverPlan(), { positions: even, executed: undefined });
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      [
        'close-route',
        'fence',
        'freeze',
        'catch-up',
        'promote',
        'record-primary',
        'open-writes',
        'publish-route',
        'repoint',
        'channels',
        'confirm-route',
        'mark-rejoin',
      ],
    );
    assert.deepEqual(ending, { kind: 'finished', result: 'done', primary: 'b', epoch: 5 });
    assert.deepEqual(
      steps.find(({ kind }) => kind === 'repoint'),
      { kind: 'repoint', hosts: ['c'], source: 'b' },
    );
  });

  it('waits for the leases when the old primary cannot be reached', () => {
    const plan = play(failoverPlan(), { ...good, fence: { kind: 'unreachable', why: 'silence' } });
    assert.deepEqual(kinds(plan).slice(0, 4), ['close-route', 'fence', 'await-leases', 'freeze']);
  });

  it('lets the candidates receive all that a living old primary has, and turns that one into a replica', () => {
    const { steps } = rehearse(failoverPlan(), { positions: even, executed: gtids('1-12') });
    assert.deepEqual(
      steps.find(({ kind }) => kind === 'freeze'),
      { kind: 'freeze', hosts: ['b', 'c'], until: gtids('1-12'), from: 'a' },
    );
    assert.deepEqual(
      steps.find(({ kind }) => kind === 'repoint'),
      { kind: 'repoint', hosts: ['a', 'c'], source: 'b' },
    );
  });

  it('fetches the rest from the most advanced before it promotes a preferred one', () => {
    const members = [planMember('a'), planMember('b'), planMember('c', { promote: 'prefer' })];
    const positions = [position('b', gtids('1-9')), position('c', gtids('1-5'))];
    const { steps } = rehearse(failoverPlan({ members }), { positions, executed: undefined });
    const equalize = { kind: 'equalize', host: 'c', source: 'b', until: gtids('1-9') };
    assert.deepEqual(
      steps.find(({ kind }) => kind === 'equalize'),
      equalize,
    );
  });

  it('is blocked when more would be lost than is allowed, before anything is recorded', () => {
    const outcomes = {
      ...good,
      'catch-up': {
        kind: 'not-caught-up',
        why: 'gone',
        missing: gtids('10-30'),
        executed: gtids('1-9'),
      } as const,
    };
    const plan = play(failoverPlan({ watermark: gtids('1-30') }), outcomes);
    const now = next(plan);
    assert.equal(now.kind === 'blocked' && now.reason, 'would-lose-data');
    assert.ok(!kinds(plan).includes('promote'));
    assert.equal(
      next(play(failoverPlan({ watermark: gtids('1-30'), maxLoss: 21 }), outcomes)).kind,
      'finished',
    );
  });

  it('promotes nobody of too few while nobody tells what the others hold', () => {
    const members = ['a', 'b', 'c', 'd'].map((id) => planMember(id));
    const lost: Outcome = { kind: 'not-caught-up', why: 'gone', missing: '', executed: gtids('1-9') };
    const one: Outcome = {
      kind: 'positions',
      positions: [position('b', gtids('1-9')), position('c', '', { error: 'silent' })],
    };
    const ending = (outcomes: typeof good, inputs: Partial<FailoverPlan['inputs']> = { quorum: 'half' }) =>
      next(play(failoverPlan({ members, ...inputs }), { ...good, ...outcomes }));
    const blocked = ending({ freeze: one, 'catch-up': lost });
    assert.equal(blocked.kind === 'blocked' && blocked.reason, 'no-quorum');
    assert.equal(ending({ freeze: one, 'catch-up': lost }, {}).kind, 'finished', 'an order');
    assert.equal(ending({ freeze: one }).kind, 'finished', 'its binlog was read');
    assert.equal(ending({ 'catch-up': lost }).kind, 'finished', 'two of three');
    const fence: Outcome = { kind: 'fenced', evidence: 'read-only', detail: '', executed: gtids('1-9') };
    assert.equal(ending({ fence, freeze: one, 'catch-up': lost }).kind, 'finished', 'it said what it has');
  });

  it('looks at everything afresh when retried before the record, and repeats only the failed step after it', () => {
    const failed: Outcome = { kind: 'failed', code: 'TIMED_OUT', why: 'slow' };
    const before = play(failoverPlan(), { ...good, promote: failed });
    assert.equal(next(before).kind, 'blocked');
    assert.deepEqual(kinds(retried(before)), ['close-route', 'fence']);
    const after = play(failoverPlan(), { ...good, 'open-writes': failed });
    const now = next(retried(after));
    assert.deepEqual(now, { kind: 'step', step: { kind: 'open-writes', host: 'b', epoch: 5 } });
  });

  it('has replicas that commits wait for follow beside the opening of writes', () => {
    const plan = play(failoverPlan({ durable: true }), good);
    assert.deepEqual(plan.entries.find(({ step }) => step.kind === 'open-writes')?.step, {
      kind: 'open-writes',
      host: 'b',
      epoch: 5,
      follow: ['c'],
    });
  });

  it('gives the old primary everything back when abandoned before the record', () => {
    const blocked = play(failoverPlan(), {
      ...good,
      promote: { kind: 'failed', code: 'TIMED_OUT', why: 'slow' },
    });
    const undone = play(abandoned(blocked, 'dba'), good);
    assert.deepEqual(kinds(undone).slice(-3), ['record-primary', 'publish-route', 'resume-replication']);
    assert.deepEqual(undone.entries.at(-3)?.step, { kind: 'record-primary', host: 'a', expectedEpoch: 4 });
    assert.deepEqual(next(undone), { kind: 'finished', result: 'abandoned', primary: 'a' });
  });

  it('keeps and routes the new primary when abandoned after the record', () => {
    const blocked = play(failoverPlan(), {
      ...good,
      'open-writes': { kind: 'failed', code: 'X', why: 'slow' },
    });
    const ended = play(abandoned(blocked, 'dba'), good);
    assert.deepEqual(
      ended.entries.slice(-2).map(({ step }) => step),
      [
        { kind: 'publish-route', write: 'b', read: ['c'] },
        { kind: 'mark-rejoin', host: 'a', primary: 'b', epoch: 5 },
      ],
    );
    assert.deepEqual(next(ended), { kind: 'finished', result: 'abandoned', primary: 'b' });
  });

  it('asks everybody afresh when the elected one has lost what it had received', () => {
    const fallen: Outcome = { kind: 'fallen-back', missing: gtids('8-9') };
    const elected = play(failoverPlan(), good, 'promote');
    assert.deepEqual(next(elected), {
      kind: 'step',
      step: { kind: 'promote', host: 'b', until: gtids('1-9') },
    });
    const promote: Step = { kind: 'promote', host: 'b', until: gtids('1-9') };
    const back = record(elected, { step: promote, outcome: fallen, at: 0, tookMs: 0, by: 'x' });
    assert.deepEqual(next(back), { kind: 'step', step: { kind: 'freeze', hosts: ['b', 'c'] } });
    const positions = [position('b', gtids('1-7')), position('c', gtids('1-9'))];
    const plan = play(back, { ...good, freeze: { kind: 'positions', positions } });
    const steps = plan.entries.map(({ step }) => step);
    assert.deepEqual(
      steps.findLast(({ kind }) => kind === 'promote'),
      { kind: 'promote', host: 'c', until: gtids('1-9') },
    );
    assert.equal(next(plan).kind, 'finished');
  });

  it('counts what nobody holds any more after that as lost', () => {
    const fallen: Outcome = { kind: 'fallen-back', missing: gtids('6-9') };
    const elected = play(failoverPlan({ maxLoss: 3 }), good, 'promote');
    const promote: Step = { kind: 'promote', host: 'b', until: gtids('1-9') };
    const back = record(elected, { step: promote, outcome: fallen, at: 0, tookMs: 0, by: 'x' });
    const freeze: Outcome = { kind: 'positions', positions: [position('b', gtids('1-5'))] };
    const carried: Outcome = { kind: 'caught-up', transactions: 0, sizeBytes: 0, executed: gtids('1-5') };
    const now = next(play(back, { ...good, freeze, 'catch-up': carried }));
    assert.equal(now.kind === 'blocked' && now.reason, 'would-lose-data');
    assert.match(now.kind === 'blocked' ? now.why : '', /^4 transactions of a would be lost/);
  });

  it('is blocked when the elected ones fall back again and again, and begins afresh when retried', () => {
    const plan = play(failoverPlan(), { ...good, promote: { kind: 'fallen-back', missing: '' } });
    const now = next(plan);
    assert.equal(now.kind === 'blocked' && now.reason, 'fallen-back');
    assert.deepEqual(kinds(retried(plan)), ['close-route', 'fence']);
  });

  it('chooses the same next step from any prefix of its journal', () => {
    const whole = play(failoverPlan(), good);
    whole.entries.forEach(({ step }, at) => {
      const now = next({ ...whole, entries: whole.entries.slice(0, at) });
      assert.deepEqual(now, { kind: 'step', step });
    });
  });

  const rules = { allowedDcs: [], crossDc: 'needs-approval', lowerVersion: 'never' } as const;
  const dcs = [planMember('a', { dc: 'x' }), planMember('b', { dc: 'y' }), planMember('c', { dc: 'y' })];
  const wanted = (plan: FailoverPlan) => {
    const now = next(plan);
    return now.kind === 'blocked' ? `${now.reason}: ${now.why}` : now.kind;
  };

  it('waits before it leaves the data centre, and goes on afresh with an approval, which is void when it comes late', () => {
    const waiting = play(failoverPlan({ members: dcs, rules }), good);
    assert.match(
      wanted(waiting),
      /^needs-approval: only another data centre can take over \(b in data centre y, c/,
    );
    const plan = approved(waiting, { by: 'dba', at: 1000, until: 5000 });
    assert.deepEqual(kinds(plan), ['close-route', 'fence'], 'positions are asked for again');
    assert.equal(wanted(play(withoutStaleApproval(plan, 4999), good)), 'finished');
    assert.match(wanted(play(withoutStaleApproval(plan, 5000), good)), /^needs-approval/);
    const begun = play(plan, good, 'promote');
    assert.equal(
      wanted(play(withoutStaleApproval(begun, 99_000), good)),
      'finished',
      'what has begun goes on',
    );
  });

  it('has limits of its own towards another data centre, in transactions and in time', () => {
    const behind = {
      ...good,
      'catch-up': { kind: 'not-caught-up', why: 'gone', missing: gtids('10-14'), executed: gtids('1-9') },
    } as const;
    const watermark = { watermark: gtids('1-14'), watermarkAt: 10_000 };
    const to = (more: object) =>
      wanted(
        play(
          failoverPlan({ members: dcs, ...watermark, rules: { ...rules, crossDc: 'allowed', ...more } }),
          behind,
        ),
      );
    assert.equal(to({}), 'finished', 'the common limit is 10');
    assert.match(
      to({ crossDcMaxLoss: 4 }),
      /^would-lose-data: 5 .* towards another data centre; allowed: 4$/,
    );
    assert.match(to({ crossDcMaxLossMs: 5000 }), /for how long is not known; allowed: 5000 ms/);
    const known = { members: dcs, ...watermark, trail: [{ at: 7000, since: gtids('8-14') }] };
    const within = failoverPlan({
      ...known,
      rules: { ...rules, crossDc: 'allowed', crossDcMaxLossMs: 3000 },
    });
    assert.equal(wanted(play(within, behind)), 'finished');
    const beyond = failoverPlan({
      ...known,
      rules: { ...rules, crossDc: 'allowed', crossDcMaxLossMs: 2999 },
    });
    const blocked = play(beyond, behind);
    assert.match(wanted(blocked), /5 transactions .* of the last 3000 ms; allowed: 2999 ms/);
    const allowed = approved(blocked, { by: 'dba', at: 0, until: 9, lost: 5 });
    assert.equal(wanted(play(allowed, behind)), 'finished');
    const fewer = approved(blocked, { by: 'dba', at: 0, until: 9, lost: 4 });
    assert.match(wanted(play(fewer, behind)), /^would-lose-data/, 'more than was shown is asked about again');
  });
});
