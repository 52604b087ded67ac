import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeFaults, type FaultWorld, tellOutages } from '../../support/fault-world.ts';
import { SmallDisk } from '../../support/small-disk.ts';

/** Twice what the data take. */
const ROOM_MB = 350;

async function onSmallDisk(world: FaultWorld): Promise<{ host: string; disk: SmallDisk }> {
  await world.healthy();
  const host = await world.replica();
  await world.sandbox.kill('mysqld', host, 'TERM');
  const disk = await SmallDisk.under(world.spec('mysqld', host).datadir ?? '', ROOM_MB);
  await world.sandbox.start('mysqld', host);
  return { host, disk };
}

describeFaults('a disk', (world) => {
  let small: { readonly host: string; readonly disk: SmallDisk } | undefined;

  /** A replica whose data are on a disk of their own, made the primary. */
  const primaryOnSmallDisk = async (): Promise<SmallDisk> => {
    small ??= await onSmallDisk(world());
    await world().moveTo(small.host);
    return small.disk;
  };

  it('that is full: the primary is left, and comes back when there is room', async (context) => {
    const disk = await primaryOnSmallDisk();
    const report = await world().under(async (primary, load) => {
      await disk.fill();
      await world().sandbox.untilPrimary({ not: `${primary}:3306`, timeoutMs: 60_000 });
      await load.goesOn();
      await disk.empty();
    });
    assert.equal(report.epochs, 1);
    tellOutages(context, report);
  });

  it('that hangs, so that mysqld cannot even be killed: the primary is left, and comes back', async (context) => {
    const disk = await primaryOnSmallDisk();
    const report = await world().under(async (primary, load) => {
      await disk.freeze();
      try {
        await world().sandbox.untilPrimary({ not: `${primary}:3306`, timeoutMs: 60_000 });
        await load.goesOn();
      } finally {
        await disk.thaw();
      }
    });
    assert.equal(report.epochs, 1);
    tellOutages(context, report);
  });
});

describeFaults(
  'a mysqld that crashes again and again',
  (world) => {
    it('moves the primary once within the cooldown, and takes writes in between', async (context) => {
      const report = await world().under(async (_, load) => {
        for (let crash = 0; crash < 6; crash++) {
          const primary = await world().sandbox.untilPrimary({ timeoutMs: 60_000 });
          await world().sandbox.kill('mysqld', primary);
          await world().sandbox.start('mysqld', primary);
          await load.goesOn();
        }
      });
      assert.equal(report.epochs, 1);
      tellOutages(context, report);
    });
  },
  { settings: { failover: { cooldownMs: 600_000 } } },
);
