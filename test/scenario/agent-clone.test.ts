import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RejoinPlan } from '../../src/core/rejoin/plan.ts';
import { readRejoin, saveRejoin } from '../../src/core/store/rejoin-plans.ts';
import { writePolicy } from '../../src/core/store/policy.ts';
import type { CloneStanding, Cloning } from '../../src/ports/clone.ts';
import type { SalvageStore } from '../../src/ports/salvage.ts';
import type { RejoinDeps } from '../../src/roles/agent/deps.ts';
import { AgentStage } from '../support/agent-stage.ts';
import { partialRollback } from '../support/partial-rollback.ts';

const unused = (): never => {
  throw new Error('not of this test');
};

const store: SalvageStore = {
  find: unused,
  begin: unused,
  list: unused,
  readIndex: unused,
  open: unused,
  sqlFile: unused,
  retell: unused,
  remove: unused,
};

const half: CloneStanding = { kind: 'half', begunAt: '17.5', why: 'it was interrupted (1317)' };

/** Hosts 1 and 2, host 1 recorded; the server of host 2 says `standing` of its last CLONE, and holds the mark of `plan`. */
async function staged(standing: CloneStanding, plan?: Partial<RejoinPlan>, clone?: 'allowed') {
  const stage = await AgentStage.make(2);
  const [primary, replica] = [stage.host(1), stage.host(2)];
  const calls: string[] = [];
  /** Tables that a CLONE would leave empty. */
  const strangers = [{ table: 'app.m', engine: 'MyISAM' }];
  const rollback = partialRollback({
    lift: () => Promise.resolve(void calls.push('lift')),
    isMarked: () => Promise.resolve(true),
  });
  const cloning: Cloning = {
    facts: () => {
      calls.push('facts');
      const facts = { version: '9.7.4', isActive: true, executed: '', sizeBytes: 1 };
      return Promise.resolve({ ...facts, strangers });
    },
    standing: () => Promise.resolve(standing),
    install: () => Promise.resolve(),
    clone: unused,
  };
  const rejoin: RejoinDeps = {
    store,
    rollback,
    decompress: unused,
    clone: { cloning, freeBytes: () => Promise.resolve(1) },
  };
  stage.record(primary);
  if (plan !== undefined) {
    const id = `rejoin-${replica.id}-0`;
    const uuid = replica.server.uuid;
    const inputs = { primary: primary.id, epoch: 0, own: `${uuid}:1-2`, errant: `${uuid}:1-2` };
    const base: RejoinPlan = {
      program: 1,
      id,
      group: 'g1',
      host: replica.id,
      startedAt: 0,
      inputs,
      entries: [],
    };
    await saveRejoin(stage.observer, { ...base, ...plan }, undefined);
  }
  await writePolicy(stage.observer, 'g1', clone === undefined ? {} : { rejoin: { clone } });
  primary.start({}, { rejoin });
  replica.start({ rejoinAutomatic: true }, { rejoin });
  await stage.clock.runFor(10_000);
  return { stage, replica, calls, strangers };
}

test('a server that a CLONE left without its data follows nobody, though its GTID set is empty', async () => {
  const { stage, replica } = await staged(half);
  const { replication } = (await replica.presence()) ?? {};
  assert.equal(replication?.state, 'errant');
  assert.match(replication.error ?? '', /a CLONE into this server broke off.*1317.*re-provision/);
  assert.equal(replica.server.channels.size, 0);
  await stage.end();
});

test('one that was cloned whole, long ago, is like any other', async () => {
  const { stage, replica } = await staged({ kind: 'complete', begunAt: '17.5', donor: '10.0.0.3:3306' });
  assert.equal((await replica.presence())?.replication?.state, 'replicating');
  await stage.end();
});

const entry = { at: 0, tookMs: 1 };
const saved = {
  kind: 'saved' as const,
  directory: '/saved/there',
  transactions: 2,
  rows: 2,
  sizeBytes: 100,
  tables: [{ schema: 'app', table: 't' }],
};
const differing: RejoinPlan['entries'] = [
  { ...entry, step: { kind: 'save' }, outcome: saved },
  { ...entry, step: { kind: 'roll-back', directory: '' }, outcome: { kind: 'rolled-back', rows: 2 } },
  { ...entry, step: { kind: 'reset', own: '', kept: '' }, outcome: { kind: 'done' } },
  { ...entry, step: { kind: 'follow' }, outcome: { kind: 'done' } },
  {
    ...entry,
    step: { kind: 'verify', tables: [] },
    outcome: { kind: 'differs', table: { schema: 'app', table: 't' } },
  },
];

test('a server that was not the same after taking back stays out when its agent starts again', async () => {
  const plan = { entries: differing, ended: 'app.t is not what the primary has' };
  const { stage, replica, calls } = await staged({ kind: 'none' }, plan);
  const { replication } = (await replica.presence()) ?? {};
  assert.deepEqual([replication?.state, replication?.error], ['errant', plan.ended]);
  assert.equal(replica.server.channels.size, 0);
  assert.deepEqual(calls, []);
  await stage.end();
});

test('it goes on to a CLONE where the policy of its group allows that, and destroys nothing while no donor is fit', async () => {
  const plan = { entries: differing, ended: 'app.t is not what the primary has' };
  const { stage, replica, calls } = await staged({ kind: 'none' }, plan, 'allowed');
  const stored = await readRejoin(stage.observer, replica.id);
  assert.deepEqual(
    stored?.plan.entries.slice(5).map(({ step, outcome }) => [step.kind, outcome.kind]),
    [
      ['ask', 'asked'],
      ['prepare-clone', 'failed'],
    ],
  );
  assert.match(
    stored.plan.ended ?? '',
    /app\.t is not what.*CLONE does not help: .*app\.m \(MyISAM\).*\/saved\/there/,
  );
  assert.ok(!calls.includes('lift'));
  assert.equal((await replica.presence())?.replication?.state, 'errant');
  await stage.end();
});

test('it looks for a donor again by itself, ever more seldom, and goes on when there is one', async () => {
  const plan = { entries: differing, ended: 'app.t is not what the primary has' };
  const { stage, replica, calls, strangers } = await staged({ kind: 'none' }, plan, 'allowed');
  const looks = () => calls.filter((call) => call === 'facts').length;
  const [first] = [looks()];
  await stage.clock.runFor(120_000);
  const soon = looks();
  await stage.clock.runFor(120_000);
  const later = looks();
  assert.ok(soon - first >= 6 && soon - first <= 12, `${soon - first} in the first two minutes`);
  assert.ok(later - soon <= 4, `${later - soon} in the next two`);
  strangers.length = 0;
  await stage.clock.runFor(600_000);
  const stored = await readRejoin(stage.observer, replica.id);
  const prepared = stored?.plan.entries.filter(({ step }) => step.kind === 'prepare-clone');
  assert.deepEqual(
    prepared?.map(({ outcome }) => outcome.kind),
    ['prepared'],
  );
  await stage.end();
});
