import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { describeFaults } from '../../support/fault-world.ts';

const OUTAGE_MS = 60_000;
/** Longer than any session of the sandbox. */
const EXPIRED_MS = 10_000;

describeFaults('ZooKeeper', (world) => {
  it('is gone for a minute, and comes back without anybody’s session: no write fails, nothing moves', async (context) => {
    const { epochs, outages } = await world().under(async (_, load) => {
      for (const host of world().hosts('zookeeper')) await world().sandbox.kill('zookeeper', host);
      const before = load.acknowledged;
      await load.undisturbed(OUTAGE_MS);
      context.diagnostic(`rows acknowledged without ZooKeeper: ${load.acknowledged - before}`);
      await world().isolateEnsemble();
      // One alone serves nobody.
      const hosts = world().hosts('zookeeper');
      await Promise.all(hosts.map((host) => world().sandbox.start('zookeeper', host)));
      // Nobody reaches it while it forgets them: at the end every session is a new one.
      await Promise.all([load.undisturbed(EXPIRED_MS), pause(EXPIRED_MS)]);
      await world().heal();
      await load.undisturbed(5000);
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });
});
