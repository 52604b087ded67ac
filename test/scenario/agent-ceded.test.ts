import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REJOIN_PROGRAM, type RejoinEntry, type RejoinPlan } from '../../src/core/rejoin/plan.ts';
import { readRejoin, saveRejoin } from '../../src/core/store/rejoin-plans.ts';
import { AgentStage } from '../support/agent-stage.ts';
import { decompress } from '../support/binlog.ts';
import { MemorySalvage } from '../support/memory-salvage.ts';
import { partialRollback } from '../support/partial-rollback.ts';

const directory = '/salvage/g1/10-0-0-2/1';
const saved: RejoinEntry = {
  step: { kind: 'save' },
  outcome: { kind: 'saved', directory, transactions: 1, rows: 1, sizeBytes: 100, tables: [] },
  at: 1,
  tookMs: 1,
};
const rolledBack: RejoinEntry = {
  step: { kind: 'roll-back', directory },
  outcome: { kind: 'rolled-back', rows: 1 },
  at: 2,
  tookMs: 1,
};

/** Host 2 is recorded as the primary while a return of it, planned under host 1, stands in ZooKeeper with these entries. */
async function staged(entries: readonly RejoinEntry[], { isMarked = false } = {}) {
  const stage = await AgentStage.make(2);
  const [before, host] = [stage.host(1), stage.host(2)];
  stage.record(before);
  const errant = `${host.server.uuid}:6`;
  const plan: RejoinPlan = {
    program: REJOIN_PROGRAM,
    id: 'rejoin-10-0-0-2-1',
    group: 'g1',
    host: host.id,
    startedAt: 1,
    inputs: { primary: before.id, epoch: stage.epoch(), own: `${host.server.uuid}:1-6`, errant },
    entries: [...entries],
  };
  await saveRejoin(stage.observer, plan, undefined);
  stage.record(host);
  const rejoin = {
    store: new MemorySalvage(() => Promise.resolve()),
    rollback: partialRollback({ isMarked: () => Promise.resolve(isMarked) }),
    decompress,
  };
  for (const each of [before, host]) each.start({ rejoinAutomatic: true }, { rejoin });
  return { stage, host };
}

for (const [what, entries] of [
  ['just been planned', []],
  ['been saved', [saved]],
] as const) {
  test(`a server that was made the primary opens though what it has errant has ${what}`, async () => {
    const { stage, host } = await staged(entries);
    await stage.clock.runUntil(() => host.writable, 60_000);
    assert.equal(await readRejoin(stage.observer, host.id), undefined, 'the return is called off');
    await stage.end();
  });
}

for (const [what, entries, isMarked] of [
  ['been taken back', [saved, rolledBack], false],
  ['been taken back, which the plan does not say yet', [saved], true],
] as const) {
  test(`a server that was made the primary stays closed where something has ${what}`, async () => {
    const { stage, host } = await staged(entries, { isMarked });
    await stage.clock.runFor(60_000);
    assert.equal(host.writable, false);
    assert.notEqual(await readRejoin(stage.observer, host.id), undefined);
    await stage.end();
  });
}
