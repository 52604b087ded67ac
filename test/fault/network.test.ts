import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { FaultWorld, itInFull } from '../support/fault-world.ts';

/** Cut networks, in namespaces, under a workload. The cases share a world; each leaves it healthy. */
describe('a network that is cut', { timeout: 280_000 }, () => {
  let world: FaultWorld;

  before(async () => {
    world = await FaultWorld.start();
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
  });

  const movedFrom = (primary: string) =>
    eventually(async () => assert.notEqual(await world.sandbox.untilPrimary(), `${primary}:3306`), {
      timeoutMs: 40_000,
    });

  it('around the primary: another takes over, and the old one has closed itself before', async (context) => {
    const { epochs, outages } = await world.under(async (primary, load) => {
      await world.cut(primary);
      await movedFrom(primary);
      await load.goesOn();
    });
    assert.equal(epochs, 1);
    context.diagnostic(`outages: ${outages.map(({ ms }) => Math.round(ms)).join(', ')} ms`);
  });

  it('between the primary and ZooKeeper alone: nothing moves, no write fails, and the operator is told', async () => {
    const { epochs, outages } = await world.under(async (primary, load) => {
      for (const zookeeper of world.hosts('zookeeper')) await world.cut(primary, zookeeper);
      await world.alert(/heartbeat of .* is lost, but MySQL answers/);
      await load.undisturbed(8000);
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  itInFull('between the primary and both coordinators: nothing moves, no write fails', async () => {
    const { epochs, outages } = await world.under(async (primary, load) => {
      for (const coordinator of world.hosts('coordinator')) await world.cut(primary, coordinator);
      await load.undisturbed(6000);
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  it('between most of the ensemble and everybody, for longer than every lease: no write fails', async () => {
    const { epochs, outages } = await world.under(async (_, load) => {
      for (const zookeeper of world.hosts('zookeeper').slice(1)) await world.cut(zookeeper);
      await load.undisturbed(12_000);
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  itInFull(
    'badly, so that a third of the packets at the primary is lost: one writer at most, and nothing lost',
    async () => {
      await world.under(async (primary, load) => {
        await world.cut(primary, undefined, { lossPercent: 33 });
        await load.goesOn().catch(() => undefined);
      });
    },
  );
});
