import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFaults, tellOutages } from './fault-world.ts';
import { JournalWatch } from './journal-watch.ts';

/** A failover whose coordinators all die once so many of its eleven steps are done, for each of these numbers. */
export function describeKilledCoordinators(when: string, numbers: readonly number[]): void {
  describeFaults(`all coordinators, killed ${when}`, (world) => {
    for (const done of numbers) {
      it(`after ${done} steps: the failover is finished when they are back`, async (context) => {
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
}
