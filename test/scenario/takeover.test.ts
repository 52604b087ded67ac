import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readJournal } from '../../src/core/store/journal.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';
import type { FakeCall } from '../support/fake-coordination.ts';

/** Everything that changes the world goes through these calls; a coordinator can be killed right before or right after each. */
const changes = new Set<FakeCall['op']>(['create', 'write', 'remove']);

interface Crash {
  readonly moment: 'before' | 'after';
  /** The n-th change that the coordinator makes in ZooKeeper since the primary died. */
  readonly n: number;
}

/** Runs a failover in which the first coordinator is killed at a moment, and the second finishes. Returns how many changes the first made. */
async function failOverWithCrash({
  moment,
  n,
}: Crash): Promise<{ readonly made: number; readonly died: boolean }> {
  const stage = await CoordinatorStage.running(1);
  const { clock, world } = stage.agents;
  const first = stage.coordinator(1);
  const one = stage.agents.host(1).server;
  for (let at = 0; at < 3; at += 1) world.commit(one);
  await clock.runFor(1500);
  const committed = one.executed;
  let made = 0;
  let died = false;
  let mostWriters = 0;
  const watch = (): void => {
    mostWriters = Math.max(mostWriters, stage.writable().length);
  };
  first.coordination[moment] = (call) => {
    watch();
    if (!changes.has(call.op) || died) return;
    made += 1;
    if (made !== n) return;
    died = true;
    first.kill();
    throw new Error('killed');
  };
  world.stop(one);
  await clock.runFor(1000);
  // The session of the dead one ends; the second one is there all along.
  stage.add('c2');
  await clock.runFor(5000);
  first.coordination.expire();
  for (let at = 0; at < 40; at += 1) {
    await clock.runFor(500);
    watch();
  }
  const where = `killed ${moment} change ${n}`;
  assert.equal(stage.primary(), '10-0-0-2', where);
  assert.deepEqual(stage.writable(), [2], where);
  assert.equal(mostWriters, 1, `${where}: never two writers`);
  assert.equal(stage.agents.epoch(), 1, `${where}: recorded once`);
  assert.ok(stage.agents.host(2).server.executed.contains(committed), where);
  assert.equal((await stage.route())?.write?.host, '10.0.0.2', where);
  assert.equal(stage.agents.host(3).server.channels.get('')?.source.host, '10.0.0.2', where);
  assert.equal(await readJournal(stage.agents.observer, 'g1'), undefined, where);
  assert.deepEqual(
    (await stage.history()).map(({ kind, result }) => [kind, result]),
    [['failover', 'done']],
    where,
  );
  await stage.end().catch(() => undefined);
  return { made, died };
}

describe('a second coordinator', () => {
  for (const moment of ['before', 'after'] as const) {
    it(`finishes the failover of one killed ${moment} any of its changes`, async () => {
      const { made } = await failOverWithCrash({ moment, n: Infinity });
      assert.ok(made > 15, `a failover makes ${made} changes`);
      for (let n = 1; n <= made; n += 1) {
        const { died } = await failOverWithCrash({ moment, n });
        assert.ok(died, `change ${n} was made`);
      }
    });
  }
});
