import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ask } from '../../../src/sandbox/ready.ts';
import { describeFaults, type FaultWorld } from '../../support/fault-world.ts';

/** The address of the server that leads the ensemble now. */
async function leader(world: FaultWorld): Promise<string> {
  for (const host of world.hosts('zookeeper')) {
    const { port } = world.spec('zookeeper', host);
    const answer = await ask(host, port, { say: 'srvr', enough: (bytes) => bytes.includes('Mode') });
    if (answer.includes('Mode: leader')) return host;
  }
  return assert.fail('no server leads');
}

describeFaults('ZooKeeper', (world) => {
  it('halts, each of its servers in turn, and dies: no write fails', async () => {
    const { epochs, outages } = await world().under(async (_, load) => {
      for (const zookeeper of world().hosts('zookeeper')) {
        await world().pause('zookeeper', zookeeper, () => load.undisturbed(3000));
        await world().sandbox.kill('zookeeper', zookeeper);
        await load.undisturbed(1000);
        await world().sandbox.start('zookeeper', zookeeper);
      }
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });

  it('loses its leader under load, three times: no write fails', async () => {
    const { epochs, outages } = await world().under(async (_, load) => {
      for (let round = 0; round < 3; round++) {
        const host = await leader(world());
        await world().sandbox.kill('zookeeper', host);
        await load.undisturbed(5000);
        await world().sandbox.start('zookeeper', host);
        await load.undisturbed(2000);
      }
    });
    assert.deepEqual([epochs, outages], [0, []]);
  });
});
