import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import {
  beforeRecovery,
  keptOf,
  nextOfRejoin,
  recordRejoin,
  rejoinPlanSchema,
  type RejoinOutcome,
  type RejoinPlan,
  undoneOf,
} from '../../../src/core/rejoin/plan.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const tables = [{ schema: 'app', table: 'notes' }];

const plan: RejoinPlan = {
  program: 1,
  id: 'rejoin-1',
  group: 'g1',
  host: '10-0-0-1',
  startedAt: 0,
  inputs: { primary: '10-0-0-2', epoch: 3, own: `${uuid}:1-10`, errant: `${uuid}:8-10` },
  entries: [],
};

const saved: RejoinOutcome = {
  kind: 'saved',
  directory: '/salvage/g1/10-0-0-1/then',
  transactions: 3,
  rows: 5,
  sizeBytes: 900,
  tables,
};

/** Follows the plan with these outcomes; the steps asked for, and what it comes to. */
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

const done: RejoinOutcome = { kind: 'done' };
const rolledBack: RejoinOutcome = { kind: 'rolled-back', rows: 5 };
const asked = {
  kind: 'asked',
  primary: '10-0-0-2',
  epoch: 3,
  burn: '',
  suspects: [],
  detail: 'nobody else has any of them',
} as const satisfies RejoinOutcome;
const othersHave: RejoinOutcome = {
  ...asked,
  burn: `${uuid}:9-10`,
  suspects: [{ id: '10-0-0-1', uuid }, { id: '10-0-0-3' }],
};
const burnt: RejoinOutcome = { kind: 'burnt', transactions: 2 };
const verified: RejoinOutcome = { kind: 'verified', executed: `${uuid}:1-7` };

test('saves first, then takes back, resets, follows and compares', () => {
  const { steps, next } = play(plan, [saved, rolledBack, asked, done, done, verified]);
  assert.deepEqual(steps, ['save', 'roll-back', 'ask', 'reset', 'follow', 'verify']);
  assert.deepEqual(next, { kind: 'finished' });
});

test('what is kept is computed from the plan, not asked of the server', () => {
  assert.equal(keptOf(plan), `${uuid}:1-7`);
  const { next } = play(plan, [saved, rolledBack, asked]);
  assert.deepEqual(next, {
    kind: 'step',
    step: { kind: 'reset', own: `${uuid}:1-10`, kept: `${uuid}:1-7` },
  });
});

test('what another member has, too, is burnt on the primary before its names are free', () => {
  const { steps, plan: half, next } = play(plan, [saved, rolledBack, othersHave]);
  assert.deepEqual(next, {
    kind: 'step',
    step: {
      kind: 'burn',
      gtids: `${uuid}:9-10`,
      primary: '10-0-0-2',
      epoch: 3,
      suspects: [{ id: '10-0-0-1', uuid }, { id: '10-0-0-3' }],
    },
  });
  assert.deepEqual(steps, ['save', 'roll-back', 'ask']);
  const { steps: more, next: end } = play(half, [burnt, done, done, verified]);
  assert.deepEqual(more, ['burn', 'reset', 'follow', 'verify']);
  assert.deepEqual(end, { kind: 'finished' });
});

test('under another primary everybody is asked again, as often as that happens', () => {
  const superseded: RejoinOutcome = { kind: 'superseded' };
  const { steps } = play(plan, [
    ...[saved, rolledBack, othersHave, superseded, othersHave, superseded, othersHave, burnt],
    ...[done, done, verified],
  ]);
  assert.deepEqual(steps, [
    ...['save', 'roll-back', 'ask', 'burn', 'ask', 'burn', 'ask', 'burn'],
    ...['reset', 'follow', 'verify'],
  ]);
  const { steps: fewer } = play(plan, [saved, rolledBack, othersHave, superseded, asked, done]);
  assert.deepEqual(fewer, ['save', 'roll-back', 'ask', 'burn', 'ask', 'reset']);
});

test('a plan that was read again goes on where it was', () => {
  const outcomes = [saved, rolledBack, othersHave, burnt, done, done, verified];
  for (let count = 0; count <= outcomes.length; count += 1) {
    const { plan: half, next } = play(plan, outcomes.slice(0, count));
    const read = rejoinPlanSchema.parse(JSON.parse(JSON.stringify(half)));
    assert.deepEqual(nextOfRejoin(read), next);
  }
});

test('what cannot be taken back stays, with the transaction, the reason, the place and the remedy', () => {
  const obstacle = { at: `${uuid}:9`, reason: 'statement', what: 'CREATE TABLE t (id INT)' };
  const { steps, next } = play(plan, [{ ...saved, obstacle }, rolledBack]);
  assert.deepEqual(steps, ['save']);
  assert.equal(next.kind, 'stays-out');
  assert.match(
    next.why,
    /3 transactions .*:8-10\).*:9: CREATE TABLE t \(id INT\) \(statement\).*\/salvage\/g1\/.*rollback show.*re-provision/,
  );
});

for (const [name, outcomes, why] of [
  [
    'a step that cannot work',
    [saved, { kind: 'failed', code: 'MYSQL_REJECTED', why: 'duplicate' }],
    /duplicate/,
  ],
  [
    'a table that is not the same afterwards',
    [saved, rolledBack, asked, done, done, { kind: 'differs', table: { schema: 'app', table: 'notes' } }],
    /app\.notes is not what the primary has/,
  ],
] as const satisfies readonly (readonly [string, readonly RejoinOutcome[], RegExp])[]) {
  test(`${name} ends the plan: the server stays out`, () => {
    const { next } = play(plan, outcomes);
    assert.equal(next.kind, 'stays-out');
    assert.match(next.why, why);
  });
}

test('a plan that ended asks for nothing more', () => {
  assert.deepEqual(nextOfRejoin({ ...plan, ended: 'so' }), { kind: 'stays-out', why: 'so' });
});

const whileDown: RejoinPlan = {
  ...plan,
  inputs: { ...plan.inputs, cut: { file: 'binlog.000002', at: 698 } },
};
const tailSaved: RejoinOutcome = { kind: 'tail-saved', directory: '/salvage/g1/10-0-0-1/then' };
const notCut: RejoinOutcome = { kind: 'not-cut', why: 'mysqld was started before' };
const recovered = (own: string, errant: string): RejoinOutcome => ({ kind: 'recovered', own, errant });

test('before mysqld is started the binlog is saved and cut, and what recovery has left is taken back afterwards', () => {
  const left = recovered(`${uuid}:1-8`, `${uuid}:8`);
  const played = play(whileDown, [tailSaved, { kind: 'cut' }, left, saved, rolledBack, asked, done, done]);
  assert.deepEqual(played.steps, [
    'save-tail',
    'cut',
    'recover',
    'save',
    'roll-back',
    'ask',
    'reset',
    'follow',
  ]);
  const ask = played.plan.entries.find(({ step }) => step.kind === 'ask')?.step;
  assert.equal(ask?.kind === 'ask' && ask.gtids, `${uuid}:8-10`, 'all the names are free again');
  const reset = played.plan.entries.find(({ step }) => step.kind === 'reset')?.step;
  assert.deepEqual(reset, { kind: 'reset', own: `${uuid}:1-8`, kept: `${uuid}:1-7` });
});

test('where recovery has left nothing, there is nothing to take back and no GTID to reset, but names to burn', () => {
  const left = recovered(`${uuid}:1-7`, '');
  const played = play(whileDown, [tailSaved, { kind: 'cut' }, left, saved, othersHave, burnt, done]);
  assert.deepEqual(played.steps, ['save-tail', 'cut', 'recover', 'save', 'ask', 'burn', 'follow']);
  assert.deepEqual(played.next, { kind: 'step', step: { kind: 'verify', tables } });
});

test('a binlog that was not cut in time is taken back from the copy', () => {
  const played = play(whileDown, [tailSaved, notCut, recovered(`${uuid}:1-10`, `${uuid}:8-10`), saved]);
  assert.deepEqual(played.steps, ['save-tail', 'cut', 'recover', 'save']);
  assert.equal(played.next.kind === 'step' && played.next.step.kind, 'roll-back');
});

test('a server that changed after it was started is asked again what it has left', () => {
  const { plan: begun } = play(whileDown, [tailSaved, { kind: 'cut' }, recovered(`${uuid}:1-7`, ''), saved]);
  assert.deepEqual(nextOfRejoin(beforeRecovery(begun)), { kind: 'step', step: { kind: 'recover' } });
  assert.ok(undoneOf(begun).equals(parseGtidSet(plan.inputs.errant)));
});
