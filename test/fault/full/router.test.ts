import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFaults, tellOutages } from '../../support/fault-world.ts';

describeFaults('a router', (world) => {
  it('dies with its HAProxy: clients go on when it is back, nothing moves', async (context) => {
    const report = await world().under(async (_, load) => {
      for (const router of world().hosts('router')) {
        await world().sandbox.kill('host', router);
        await world().sandbox.start('router', router);
      }
      await load.goesOn();
    });
    assert.equal(report.epochs, 0);
    tellOutages(context, report);
  });

  it('dies alone: its HAProxy closes the write side, and it opens again with the router', async (context) => {
    const report = await world().under(async (_, load) => {
      const { failures } = load;
      for (const router of world().hosts('router')) await world().sandbox.kill('router', router);
      await load.fails(failures);
      for (const router of world().hosts('router')) await world().sandbox.start('router', router);
      await load.goesOn();
    });
    assert.equal(report.epochs, 0);
    tellOutages(context, report);
  });

  it('is dead during a failover, and takes the new route as soon as it is back', async (context) => {
    const report = await world().under(async (primary, load) => {
      const { failures } = load;
      for (const router of world().hosts('router')) await world().sandbox.kill('router', router);
      await world().sandbox.kill('mysqld', primary);
      await load.fails(failures);
      await world().recordedOther(primary);
      for (const router of world().hosts('router')) await world().sandbox.start('router', router);
      await load.goesOn();
    });
    assert.equal(report.epochs, 1);
    tellOutages(context, report);
  });
});
