import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentStage } from '../support/agent-stage.ts';

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
});
