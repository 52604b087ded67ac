import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SkewedClock } from '../../support/skewed-clock.ts';
import { describeFaults, tellOutages } from '../../support/fault-world.ts';

const HOUR_S = 3600;

describeFaults('the wall clock', (world) => {
  it('of the coordinators is an hour ahead: a failover is done all the same, and the next after it was set right', async (context) => {
    await world().healthy();
    await using coordinators = await SkewedClock.of(world(), 'coordinator');
    await coordinators.set(HOUR_S);
    for (const clock of ['wrong', 'right']) {
      context.diagnostic(`the clock is ${clock}`);
      const report = await world().under(async (primary, load) => {
        await world().sandbox.kill('mysqld', primary);
        await load.goesOn();
      });
      assert.equal(report.epochs, 1);
      tellOutages(context, report);
      await coordinators.set(0);
    }
  });
});
