import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFaults, tellOutages } from './fault-world.ts';
import { JournalWatch } from './journal-watch.ts';

/** A switchover whose coordinators all die once so many of its twelve steps are in the journal, for each of these numbers. */
export function describeKilledSwitchovers(when: string, numbers: readonly number[]): void {
  describeFaults(`all coordinators of a switchover, killed ${when}`, (world) => {
    for (const done of numbers) {
      it(`after ${done} steps: it is finished or taken back when they are back`, async (context) => {
        await using watch = await JournalWatch.start(world());
        const { sandbox } = world();
        const report = await world().under(async (_, load) => {
          const seen = watch.killCoordinatorsAfter(done);
          const ordered = sandbox.dcmha('switchover', '--group', 'g1', '--yes', '--timeout', '60000');
          context.diagnostic(`killed after ${(await seen).join(', ')}`);
          for (const coordinator of world().hosts('coordinator'))
            await sandbox.start('coordinator', coordinator);
          const { status, stderr } = await ordered;
          assert.ok(status === 0 || stderr.includes('undone'), stderr);
          await load.goesOn();
        });
        const [newest] = await sandbox.history();
        assert.equal(newest?.kind, 'switchover');
        assert.ok(['done', 'undone'].includes(newest.result), newest.result);
        assert.equal(report.epochs <= 1, true, `${report.epochs} epochs`);
        context.diagnostic(newest.result);
        tellOutages(context, report);
      });
    }
  });
}
