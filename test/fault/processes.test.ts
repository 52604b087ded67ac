import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { What } from '../../src/sandbox/selection.ts';
import { eventually } from '../support/eventually.ts';
import { FaultWorld, type Load, itInFull } from '../support/fault-world.ts';

/** Processes that hang, die and come back, under a workload. The cases share a world; each leaves it healthy. */
describe('a process that hangs or dies', { timeout: 280_000 }, () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  const pause = async (what: What, host: string, meanwhile: () => Promise<void>): Promise<void> => {
    await world.sandbox.kill(what, host, 'STOP');
    try {
      await meanwhile();
    } finally {
      await world.sandbox.kill(what, host, 'CONT');
    }
  };

  it('the primary halted, then going on: another has taken over, and the old one is a replica', async () => {
    const { epochs } = await world.under(async (primary, load) => {
      await world.sandbox.kill('mysqld', primary, 'STOP');
      await world.sandbox.untilPrimary({ not: `${primary}:3306` });
      await load.goesOn();
    });
    assert.equal(epochs, 1);
  });

  itInFull(
    "the primary's agent halted for longer than its lease: no write fails, nothing moves, the operator is told",
    async () => {
      const { epochs } = await world.under(async (primary, load) => {
        await pause('agent', primary, async () => {
          await world.alert(/heartbeat of .* is lost, but MySQL answers/);
          await load.undisturbed(3000);
        });
        // Awake, it knows only that its lease is over: it closes writes until the record says that nobody else was made primary.
      });
      assert.equal(epochs, 0);
    },
  );

  it('a whole host halted and let go after another took over: it closes itself at once, and what it had is nowhere else', async () => {
    const fault = (primary: string, load: Load) =>
      pause('host', primary, async () => {
        await world.sandbox.untilPrimary({ not: `${primary}:3306` });
        await load.goesOn();
      });
    const { epochs } = await world.under(fault, { overlapMs: 2000 });
    assert.equal(epochs, 1);
  });

  itInFull('each server of the ensemble in turn: no write fails', async () => {
    const { epochs, outages } = await world.under(async (_, load) => {
      for (const zookeeper of world.hosts('zookeeper')) {
        await pause('zookeeper', zookeeper, () => load.undisturbed(3000));
        await world.sandbox.kill('zookeeper', zookeeper);
        await load.undisturbed(1000);
        await world.sandbox.start('zookeeper', zookeeper);
      }
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  it('both coordinators in the middle of a failover: it is finished when one is back', async () => {
    const { epochs } = await world.under(async (primary, load) => {
      await world.sandbox.kill('mysqld', primary);
      const { acknowledged } = load;
      await eventually(async () => assert.match((await world.group()).alerts.join(), /./), {
        timeoutMs: 5000,
        everyMs: 50,
      }).catch(() => undefined);
      for (const coordinator of world.hosts('coordinator'))
        await world.sandbox.kill('coordinator', coordinator);
      await world.sandbox.start('coordinator', world.hosts('coordinator')[0]);
      await eventually(() => load.acknowledged > acknowledged + 100, { timeoutMs: 60_000 });
      await world.sandbox.start('coordinator', world.hosts('coordinator')[1]);
      await world.sandbox.start('mysqld', primary);
    });
    assert.equal(epochs, 1);
  });

  itInFull('the router and its HAProxy: clients go on when it is back, nothing moves', async () => {
    const { epochs } = await world.under(async (_, load) => {
      for (const router of world.hosts('router')) {
        await world.sandbox.kill('host', router);
        await world.sandbox.start('router', router);
      }
      await load.goesOn();
    });
    assert.equal(epochs, 0);
  });
});
