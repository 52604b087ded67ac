import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { describeFaults, itInFull, type Load } from '../support/fault-world.ts';

describeFaults('a process that hangs or dies', (world) => {
  it('the primary halted, then going on: another has taken over, and the old one is a replica', async () => {
    const { epochs } = await world().under(async (primary, load) => {
      await world().sandbox.kill('mysqld', primary, 'STOP');
      await world().sandbox.untilPrimary({ not: `${primary}:3306` });
      await load.goesOn();
    });
    assert.equal(epochs, 1);
  });

  it("the primary's agent killed alone: no write fails, nothing moves, the operator is told", async () => {
    const { epochs, outages } = await world().under(async (primary, load) => {
      await world().sandbox.kill('agent', primary);
      await world().alert(/heartbeat of .* is lost, but MySQL answers/);
      await load.undisturbed(2000);
      await world().sandbox.start('agent', primary);
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  itInFull(
    "the primary's agent halted for longer than its lease: no write fails, nothing moves, the operator is told",
    async () => {
      const { epochs } = await world().under(async (primary, load) => {
        await world().pause('agent', primary, async () => {
          await world().alert(/heartbeat of .* is lost, but MySQL answers/);
          await load.undisturbed(3000);
        });
        // Awake, it knows only that its lease is over: it closes writes until the record says that nobody else was made primary.
      });
      assert.equal(epochs, 0);
    },
  );

  it('a whole host halted and let go after another took over: it closes itself at once, and what it had is nowhere else', async () => {
    const fault = (primary: string, load: Load) =>
      world().pause('host', primary, async () => {
        await world().sandbox.untilPrimary({ not: `${primary}:3306` });
        await load.goesOn();
      });
    const { epochs } = await world().under(fault, { overlapMs: 2000 });
    assert.equal(epochs, 1);
  });

  itInFull('both coordinators in the middle of a failover: it is finished when one is back', async () => {
    const { epochs } = await world().under(async (primary, load) => {
      await world().sandbox.kill('mysqld', primary);
      const { acknowledged } = load;
      await eventually(async () => assert.match((await world().group()).alerts.join(), /./), {
        timeoutMs: 5000,
        everyMs: 50,
      }).catch(() => undefined);
      for (const coordinator of world().hosts('coordinator'))
        await world().sandbox.kill('coordinator', coordinator);
      await world().sandbox.start('coordinator', world().hosts('coordinator')[0]);
      await eventually(() => load.acknowledged > acknowledged + 100, { timeoutMs: 60_000 });
      await world().sandbox.start('coordinator', world().hosts('coordinator')[1]);
      await world().sandbox.start('mysqld', primary);
    });
    assert.equal(epochs, 1);
  });
});
