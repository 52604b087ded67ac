import assert from 'node:assert/strict';
import { SkewedClock } from '../support/skewed-clock.ts';
import { describeInFull, itInFull, tellOutages } from '../support/fault-world.ts';

const HOUR_S = 3600;

describeInFull('the wall clock', (world) => {
  itInFull(
    'of everybody but the servers is an hour off, each its own way: a failover is done all the same, and another after the clocks were set',
    async (context) => {
      await world().healthy();
      await using agents = await SkewedClock.of(world(), 'agent');
      await using coordinators = await SkewedClock.of(world(), 'coordinator');
      await agents.set(-HOUR_S);
      await coordinators.set(HOUR_S);
      for (const clocks of ['wrong', 'right']) {
        context.diagnostic(`the clocks are ${clocks}`);
        const report = await world().under(async (primary, load) => {
          await world().sandbox.kill('mysqld', primary);
          await load.goesOn();
        });
        assert.equal(report.epochs, 1);
        tellOutages(context, report);
        await agents.set(0);
        await coordinators.set(0);
      }
    },
  );
});
