import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { znodes } from '../../src/core/store/znodes.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

/** Host 3 is to replicate from host 2, which replicates from host 1, the primary. */
async function cascaded(): Promise<CoordinatorStage> {
  const stage = await CoordinatorStage.running();
  const { zookeeper, clock } = stage.agents;
  const record = { group: 'g1', port: 3306, from: '10-0-0-2' };
  zookeeper.put(znodes.host('10-0-0-3'), JSON.stringify(record));
  await clock.runUntil(() => sourceOf(stage, 3) === '10.0.0.2', 20_000);
  await clock.runFor(3000);
  return stage;
}

function sourceOf(stage: CoordinatorStage, n: number): string | undefined {
  return stage.agents.host(n).server.channels.get('')?.source.host;
}

describe('a replica of a replica', () => {
  it('gets everything through its intermediate and is read from', async () => {
    const stage = await cascaded();
    const { clock, world } = stage.agents;
    for (let n = 0; n < 5; n += 1) world.commit(stage.agents.host(1).server);
    await clock.runFor(8000);
    assert.ok(stage.agents.host(3).server.executed.contains(stage.agents.host(1).server.executed));
    assert.deepEqual(
      (await stage.route())?.read.map(({ host }) => host),
      ['10.0.0.2', '10.0.0.3'],
    );
    assert.deepEqual(stage.alertKinds(), []);
    await stage.end();
  });

  it('follows the primary when its intermediate dies, and returns when that one is back', async () => {
    const stage = await cascaded();
    const { clock, world } = stage.agents;
    const two = stage.agents.host(2).server;
    world.stop(two);
    await clock.runUntil(() => sourceOf(stage, 3) === '10.0.0.1', 15_000);
    for (let n = 0; n < 5; n += 1) world.commit(stage.agents.host(1).server);
    await clock.runFor(3000);
    assert.ok(stage.agents.host(3).server.executed.contains(stage.agents.host(1).server.executed));
    world.start(two);
    await clock.runUntil(() => sourceOf(stage, 3) === '10.0.0.2', 30_000);
    await clock.runFor(3000);
    assert.ok(stage.agents.host(3).server.executed.contains(stage.agents.host(1).server.executed));
    await stage.end();
  });

  it('stays where it is when only the agent of its intermediate dies', async () => {
    const stage = await cascaded();
    const { clock } = stage.agents;
    stage.agents.host(2).kill().expire();
    await clock.runFor(20_000);
    assert.equal(sourceOf(stage, 3), '10.0.0.2');
    await stage.end();
  });

  it('stays below its intermediate when that one becomes the primary', async () => {
    const stage = await cascaded();
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(2), 10_000);
    await clock.runFor(8000);
    assert.deepEqual([stage.primary(), sourceOf(stage, 3)], ['10-0-0-2', '10.0.0.2']);
    world.commit(stage.agents.host(2).server);
    await clock.runFor(2000);
    assert.ok(stage.agents.host(3).server.executed.contains(stage.agents.host(2).server.executed));
    await stage.end();
  });

  it('does not keep a dead primary alive by hearing its intermediate', async () => {
    const stage = await cascaded();
    const { clock, world } = stage.agents;
    // The host is gone with its agent: only receivers can tell.
    stage.agents.host(1).kill().expire();
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(2), 20_000);
    await stage.end();
  });

  it('becomes the primary when there is nobody else', async () => {
    const stage = await cascaded();
    const { clock, world } = stage.agents;
    world.stop(stage.agents.host(2).server);
    await clock.runFor(10_000);
    world.stop(stage.agents.host(1).server);
    await clock.runUntil(() => stage.writable().includes(3), 20_000);
    await stage.end();
  });
});
