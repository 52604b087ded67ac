import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentStage } from '../support/agent-stage.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

describe('the end of a lease', () => {
  it('does not wait for a fence that a plan gave more time', async () => {
    const stage = await AgentStage.running(3, { sessionTimeoutMs: 3000 });
    const one = stage.host(1);
    one.server.state = { kind: 'hung' };
    stage.loseZookeeper();
    for (const n of [2, 3]) stage.peers.cut(one.host, stage.host(n).host);
    await stage.clock.runFor(1000);
    const fence = one.call('fence', { group: 'g1', epoch: stage.epoch() });
    // The last renewal was sent 1 s ago at least: at 2.25 s the lease is over at the latest, and 0.75 s later the fence is done.
    await stage.clock.runFor(1400);
    assert.ok(one.server.calls.includes('SIGKILL'));
    assert.equal((await fence).kind, 'process-gone');
    await stage.end();
  });

  it('is waited for when its session was ended before its time', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, peers, hosts } = stage.agents;
    const one = stage.agents.host(1);
    one.coordination.cutOff();
    one.coordination.expire();
    for (const other of ['c1', ...hosts.map(({ host }) => host)]) {
      if (other === one.host) continue;
      peers.cut(one.host, other);
      stage.agents.world.cut(one.host, other);
    }
    const tookMs = await clock.runUntil(() => stage.agents.host(2).writable);
    // Its last renewal was a second ago at most, and the session timeout is 6 s.
    assert.ok(tookMs >= 5000, `after ${tookMs} ms`);
    assert.deepEqual(stage.writable(), [2]);
    await stage.end();
  });
});
