import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CoordinatorStage } from '../support/coordinator-stage.ts';

describe('scheduled events', () => {
  it('run on the new primary when they ran on the old one, and no others do', async () => {
    const stage = await CoordinatorStage.running();
    const { clock, world } = stage.agents;
    const [one, two] = [stage.agents.host(1).server, stage.agents.host(2).server];
    one.scheduler = true;
    one.scheduled.set('nightly', 'enabled').set('retired', 'disabled');
    two.scheduled.set('nightly', 'asleep').set('retired', 'asleep');
    await clock.runFor(8000);
    world.stop(one);
    await clock.runFor(15_000);
    assert.equal(stage.primary(), '10-0-0-2');
    assert.deepEqual(
      [...two.scheduled],
      [
        ['nightly', 'enabled'],
        ['retired', 'asleep'],
      ],
    );
    assert.equal(two.scheduler, true);
    // From then on it is the operator's affair.
    two.scheduled.set('nightly', 'asleep');
    await clock.runFor(15_000);
    assert.equal(two.scheduled.get('nightly'), 'asleep');
    await stage.end();
  });
});
