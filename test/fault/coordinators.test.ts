import assert from 'node:assert/strict';
import { describeInFull, itInFull, tellOutages } from '../support/fault-world.ts';
import { JournalWatch } from '../support/journal-watch.ts';

/** How many steps are done when both die; a failover has eleven. Two worlds, so that each file ends in time. */
const DONE = [0, 2, 4, 6, 8, 10];

describeInFull('both coordinators, killed in the middle of a failover', (world) => {
  for (const done of DONE) {
    itInFull(`after ${done} steps: one that comes back finishes it`, async (context) => {
      await using watch = await JournalWatch.start(world());
      const report = await world().under(async (primary, load) => {
        const seen = watch.killCoordinatorsAfter(done);
        await world().sandbox.kill('mysqld', primary);
        context.diagnostic(`killed after ${(await seen).join(', ')}`);
        for (const coordinator of world().hosts('coordinator'))
          await world().sandbox.start('coordinator', coordinator);
        await world().recordedOther(primary);
        await load.goesOn();
      });
      assert.equal(report.epochs, 1);
      tellOutages(context, report);
    });
  }
});
