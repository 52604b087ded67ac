import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markLostReplica } from '../../src/core/store/marks.ts';
import { writePolicy } from '../../src/core/store/policy.ts';
import { observe } from '../../src/roles/coordinator/observe.ts';
import { AgentStage } from '../support/agent-stage.ts';

for (const [name, publishReturned, publish, isHeldBack] of [
  ['the file says manual', false, undefined, true],
  ['the file says auto', true, undefined, false],
  ['the group says manual', true, 'manual', true],
  ['the group says auto', false, 'auto', false],
] as const) {
  test(`a returned primary is ${isHeldBack ? 'left for an operator to publish' : 'published'} where ${name}`, async () => {
    const stage = await AgentStage.running(2);
    const { observer: coordination, clock } = stage;
    const mark = { why: 'it was the primary', at: clock.now(), group: 'g1', former: 1 } as const;
    await markLostReplica(coordination, stage.host(2).id, mark);
    await writePolicy(coordination, 'g1', publish === undefined ? {} : { rejoin: { publish } });
    const snapshot = await observe(
      'g1',
      {
        coordination,
        mysql: stage.world.from('c1'),
        clock,
        by: 'c1',
        agentPort: 7071,
        probeTimeoutMs: 800,
        publishReturned,
        fleetWindowMs: 60_000,
      },
      new AbortController().signal,
    );
    assert.deepEqual(
      snapshot.members.map(({ heldBack }) => heldBack),
      [false, isHeldBack],
    );
    await stage.end();
  });
}
