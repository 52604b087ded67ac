import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SkewedClock } from '../../support/skewed-clock.ts';
import { describeFaults } from '../../support/fault-world.ts';

const HOUR_S = 3600;

describeFaults('the wall clock of a host', (world) => {
  for (const kind of ['agent', 'coordinator', 'router'] as const) {
    it(`of a ${kind} that steps an hour ahead, and an hour back: nothing moves, no write fails`, async () => {
      await world().healthy();
      await using clock = await SkewedClock.of(world(), kind);
      const { epochs, outages } = await world().under(async (_, load) => {
        for (const step of [HOUR_S, -HOUR_S]) {
          await clock.set(step);
          await load.undisturbed(4000);
        }
      });
      assert.deepEqual([epochs, outages], [0, []]);
    });
  }
});
