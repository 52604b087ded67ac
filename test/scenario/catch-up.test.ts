import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

/** Host 1 has three transactions that nobody has received when its mysqld dies. */
async function stageWithTail(
  ...[coordinators, policy]: Parameters<typeof CoordinatorStage.running>
): Promise<CoordinatorStage> {
  const stage = await CoordinatorStage.running(coordinators, policy);
  const { clock, world } = stage.agents;
  const one = stage.agents.host(1);
  for (const n of [2, 3]) world.cut(one.host, stage.agents.host(n).host);
  for (let n = 0; n < 3; n += 1) world.commit(one.server);
  await clock.runFor(10);
  world.stop(one.server);
  for (const n of [2, 3]) world.heal(one.host, stage.agents.host(n).host);
  return stage;
}

describe('a failover when only the dead primary has the newest transactions', () => {
  it('carries them over, and says so in the record', async () => {
    const stage = await stageWithTail();
    await stage.agents.clock.runUntil(() => stage.writable().length === 1, 10_000);
    const [one, two] = [stage.agents.host(1).server, stage.agents.host(2).server];
    assert.deepEqual(stage.writable(), [2]);
    assert.ok(two.executed.contains(one.executed));
    assert.ok(!two.channels.has('dcmha_catchup'));
    await stage.agents.clock.runFor(5000);
    const [record] = await stage.history();
    assert.deepEqual([record?.['carriedOver'], record?.['lost']], [3, 0]);
    await stage.end();
  });

  it('leaves them by policy never, and counts them as lost', async () => {
    const stage = await stageWithTail(1, { catchUp: 'never' });
    await stage.agents.clock.runUntil(() => stage.writable().length === 1, 10_000);
    await stage.agents.clock.runFor(5000);
    const [record] = await stage.history();
    assert.deepEqual(
      [record?.['carriedOver'], record?.['lost'], record?.['notCarriedOver']],
      [0, 3, 'the policy is never'],
    );
    await stage.end();
  });

  it('is blocked when they cannot be had and that loss is not allowed', async () => {
    const stage = await stageWithTail(1, { catchUp: 'never', maxLoss: 2 });
    await stage.agents.clock.runFor(20_000);
    assert.deepEqual(stage.writable(), []);
    assert.ok(stage.alertKinds().includes('plan-blocked raised'));
    await stage.end();
  });

  it('goes on with another candidate when the elected one dies in the middle', async () => {
    const stage = await stageWithTail();
    const { clock, world } = stage.agents;
    const [one, two, three] = [1, 2, 3].map((n) => stage.agents.host(n).server);
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    await clock.runUntil(() => two.channels.has('dcmha_catchup'), 10_000);
    world.stop(two);
    const tookMs = await clock.runUntil(() => stage.writable().includes(3), 20_000);
    assert.ok(tookMs < 2000, `${tookMs} ms`);
    assert.ok(three.executed.contains(one.executed), 'it has carried them over, too');
    await clock.runFor(5000);
    const [record] = await stage.history();
    assert.deepEqual([record?.['to'], record?.['lost']], [stage.agents.host(3).id, 0]);
    assert.ok(!stage.alertKinds().includes('plan-blocked raised'));
    world.start(two);
    await clock.runFor(20_000);
    assert.ok(!two.channels.has('dcmha_catchup'), 'what is left of it goes when the server is back');
    assert.equal((await stage.agents.host(2).presence())?.replication?.state, 'replicating');
    await stage.end();
  });

  it('is blocked when the elected one dies in the middle and there is no other, until it is back', async () => {
    const stage = await stageWithTail();
    const { clock, world } = stage.agents;
    const [two, three] = [stage.agents.host(2).server, stage.agents.host(3).server];
    await clock.runUntil(() => two.channels.has('dcmha_catchup'), 10_000);
    world.stop(three);
    world.stop(two);
    await clock.runFor(60_000);
    assert.ok(stage.alertKinds().includes('plan-blocked raised'));
    world.start(two);
    await clock.runUntil(() => stage.writable().includes(2), 20_000);
    assert.ok(two.executed.contains(stage.agents.host(1).server.executed));
    await stage.end();
  });

  it('carries them over once when the coordinator dies in the middle', async () => {
    const stage = await stageWithTail(2);
    const { clock } = stage.agents;
    const two = stage.agents.host(2).server;
    await clock.runUntil(() => two.channels.has('dcmha_catchup'), 10_000);
    const killed = stage.coordinators.find(({ log }) =>
      log.lines.some(({ fields }) => fields['step'] === 'catch-up'),
    );
    assert.ok(killed !== undefined);
    killed.kill();
    killed.coordination.expire();
    await clock.runUntil(() => stage.writable().length === 1, 20_000);
    assert.ok(two.executed.contains(stage.agents.host(1).server.executed));
    assert.ok(!two.channels.has('dcmha_catchup'));
  });
});
