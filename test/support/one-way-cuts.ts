import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Direction } from '../../src/sandbox/cut.ts';
import { describeFaults, tellOutages } from './fault-world.ts';

/** Packets that are lost in one direction only: each side believes something else. `word`: as one reads the direction. */
export function describeOneWayCuts(direction: Exclude<Direction, 'both'>, word: 'to' | 'from'): void {
  describeFaults('a network that is cut in one direction only,', (world) => {
    it(`${word} both coordinators at the primary: nothing moves, no write fails`, async () => {
      const { epochs, outages } = await world().under(async (primary, load) => {
        for (const coordinator of world().hosts('coordinator'))
          await world().cut(primary, coordinator, { direction });
        await load.undisturbed(5000);
      });
      assert.deepEqual([epochs, outages], [0, []]);
    });

    it(`${word} both replicas at the primary: writes go on, and nothing is lost`, async (context) => {
      const report = await world().under(async (primary, load) => {
        for (const { host } of world().state.processes.filter(({ kind }) => kind === 'mysqld'))
          if (host !== primary) await world().cut(primary, host, { direction });
        await load.goesOn();
      });
      // Nobody acknowledges its commits, so it cannot commit: it is left, once.
      assert.equal(report.epochs, 1);
      tellOutages(context, report);
    });

    it(`${word} the router at the primary: nothing moves for one observer's network; writes go on when it heals`, async (context) => {
      const report = await world().under(async (primary, load) => {
        const { failures } = load;
        for (const router of world().hosts('router')) await world().cut(primary, router, { direction });
        await load.fails(failures);
        await world().heal();
        await load.goesOn();
      });
      assert.equal(report.epochs, 0);
      tellOutages(context, report);
    });

    it(`${word} ZooKeeper at the primary: it goes by what it knows, and there is never a second writer`, async (context) => {
      const report = await world().under(async (primary, load) => {
        for (const zookeeper of world().hosts('zookeeper'))
          await world().cut(primary, zookeeper, { direction });
        await world().alert(/heartbeat of .* is lost, but MySQL answers/);
        await load.goesOn();
      });
      assert.equal(report.epochs, 0);
      tellOutages(context, report);
    });
  });
}
