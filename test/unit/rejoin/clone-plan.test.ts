import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  hasNoWayBack,
  nextOfRejoin,
  recordRejoin,
  rejoinPlanSchema,
  type RejoinOutcome,
  type RejoinPlan,
} from '../../../src/core/rejoin/plan.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const obstacle = { at: `${uuid}:9`, reason: 'statement', what: 'CREATE TABLE t (id INT)' };

const plan: RejoinPlan = {
  program: 1,
  id: 'rejoin-1',
  group: 'g1',
  host: '10-0-0-1',
  startedAt: 0,
  inputs: { primary: '10-0-0-2', epoch: 3, own: `${uuid}:1-10`, errant: `${uuid}:8-10`, clone: 'allowed' },
  entries: [],
};

const whole: RejoinOutcome = {
  kind: 'saved',
  directory: '/salvage/then',
  transactions: 3,
  rows: 5,
  sizeBytes: 900,
  tables: [{ schema: 'app', table: 'notes' }],
};
const saved: RejoinOutcome = { ...whole, obstacle };
const rolledBack: RejoinOutcome = { kind: 'rolled-back', rows: 5 };
const asked: RejoinOutcome = {
  kind: 'asked',
  primary: '10-0-0-2',
  epoch: 3,
  burn: '',
  suspects: [],
  detail: 'nobody',
};
const toBurn: RejoinOutcome = { ...asked, burn: `${uuid}:8-10`, suspects: [{ id: '10-0-0-1' }] };
const burnt: RejoinOutcome = { kind: 'burnt', transactions: 3 };
const prepared: RejoinOutcome = { kind: 'prepared', before: '17.5' };
const cloned: RejoinOutcome = { kind: 'cloned', donor: '10.0.0.3:3306', executed: `${uuid}:1-7` };
const done: RejoinOutcome = { kind: 'done' };
const differs: RejoinOutcome = { kind: 'differs', table: { schema: 'app', table: 'notes' } };
const verified: RejoinOutcome = { kind: 'verified', executed: `${uuid}:1-7` };
const failed = (why: string): RejoinOutcome => ({ kind: 'failed', code: 'MYSQL_REJECTED', why });

function play(start: RejoinPlan, outcomes: readonly RejoinOutcome[]) {
  let now = start;
  const steps: string[] = [];
  for (const outcome of outcomes) {
    const next = nextOfRejoin(now);
    if (next.kind !== 'step') break;
    steps.push(next.step.kind);
    now = recordRejoin(now, { step: next.step, outcome, at: 0, tookMs: 1 });
  }
  return { steps, next: nextOfRejoin(now), plan: now };
}

const toClone = ['ask', 'prepare-clone', 'clone', 'follow', 'verify'];
const copied = [asked, prepared, cloned, done, verified];

for (const [name, outcomes, steps] of [
  ['an obstacle', [saved, ...copied], ['save', ...toClone]],
  ['rows that are not there', [whole, failed('no row'), ...copied], ['save', 'roll-back', ...toClone]],
  [
    'a table that differs after taking back',
    [whole, rolledBack, asked, done, done, differs, prepared, cloned, done, verified],
    ['save', 'roll-back', 'ask', 'reset', 'follow', 'verify', ...toClone.slice(1)],
  ],
  [
    'an obstacle, where another member has the same transactions',
    [saved, toBurn, burnt, prepared, cloned, done, verified],
    ['save', 'ask', 'burn', ...toClone.slice(1)],
  ],
] as const satisfies readonly (readonly [string, readonly RejoinOutcome[], readonly string[]])[]) {
  test(`where CLONE is allowed, it follows on ${name}`, () => {
    const played = play(plan, outcomes);
    assert.deepEqual(played.steps, steps);
    assert.deepEqual(played.next, { kind: 'finished' });
    for (let count = 0; count < outcomes.length; count += 1) {
      const half = play(plan, outcomes.slice(0, count));
      const read = rejoinPlanSchema.parse(JSON.parse(JSON.stringify(half.plan)));
      assert.deepEqual(nextOfRejoin(read), half.next);
      const never = { ...plan, inputs: { ...plan.inputs, clone: 'never' as const } };
      assert.equal(play(never, outcomes).next.kind, 'stays-out');
    }
  });
}

test('what can be taken back is not cloned', () => {
  const { steps } = play(plan, [whole, rolledBack, asked, done, done, verified]);
  assert.deepEqual(steps, ['save', 'roll-back', 'ask', 'reset', 'follow', 'verify']);
});

test('where CLONE is not allowed, the reason to stay out says that it could be', () => {
  for (const clone of ['never', undefined] as const) {
    const start = { ...plan, inputs: { ...plan.inputs, clone } };
    const { steps, next } = play(start, [saved]);
    assert.deepEqual(steps, ['save']);
    assert.equal(next.kind, 'stays-out');
    assert.match(next.why, /CREATE TABLE.*re-provision .*`rejoin\.clone: allowed`/);
  }
});

test('a CLONE that cannot be done leaves the server out, with both reasons', () => {
  const { steps, next } = play(plan, [saved, asked, failed('prepare-clone: app.m (MyISAM)')]);
  assert.deepEqual(steps, ['save', 'ask', 'prepare-clone']);
  assert.equal(next.kind, 'stays-out');
  assert.match(next.why, /CREATE TABLE.*CLONE does not help: prepare-clone: app\.m \(MyISAM\)/);
});

test('one that was begun goes on though CLONE is not allowed any more, and is not begun twice', () => {
  const { plan: half } = play(plan, [saved, asked, prepared]);
  const never = { ...half, inputs: { ...half.inputs, clone: 'never' as const } };
  assert.deepEqual(nextOfRejoin(never), { kind: 'step', step: { kind: 'clone', before: '17.5' } });
  const { next } = play(half, [cloned, done, differs]);
  assert.equal(next.kind, 'stays-out');
  assert.match(next.why, /after a CLONE, app\.notes is not what the primary has/);
});

test('there is no way back from the moment that a CLONE may begin', () => {
  assert.equal(hasNoWayBack(play(plan, [saved, asked]).plan), false);
  assert.equal(hasNoWayBack(play(plan, [saved, asked, prepared]).plan), true);
});
