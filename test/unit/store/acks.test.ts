import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFailovers, readAck, removeAck, writeAck } from '../../../src/core/store/acks.ts';
import { appendHistory } from '../../../src/core/store/history.ts';
import { addGroup } from '../../../src/core/store/inventory-changes.ts';
import { znodes } from '../../../src/core/store/znodes.ts';
import { countRecentFailovers } from '../../../src/roles/coordinator/fleet.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

const ack = { epoch: 2, by: 'dba', at: 1, why: 'a switch' };

/** Group g1 with failovers that led to the epochs 1, 2 and 3, and a planned one. */
async function staged() {
  const zookeeper = new FakeZookeeper(() => 0);
  const store = zookeeper.connect();
  for (const epoch of [1, 2, 3])
    await appendHistory(store, 'g1', {
      id: `f${epoch}`,
      kind: 'failover',
      at: epoch,
      automatic: true,
      epoch,
    });
  await appendHistory(store, 'g1', { id: 'o4', kind: 'failover', at: 4, automatic: false, epoch: 4 });
  const open = async () => (await openFailovers(store, 'g1', 20)).map(({ id }) => id);
  return { zookeeper, store, open };
}

describe('an acknowledgement', () => {
  it('is of the failovers up to its epoch, whatever any clock says', async () => {
    const { store, open } = await staged();
    assert.deepEqual(await open(), ['f3', 'f2', 'f1']);
    await writeAck(store, 'g1', ack);
    assert.deepEqual([await open(), await readAck(store, 'g1')], [['f3'], ack]);
  });

  it('can be taken back', async () => {
    const { store, open } = await staged();
    await writeAck(store, 'g1', ack);
    assert.deepEqual([await removeAck(store, 'g1'), await removeAck(store, 'g1')], [true, false]);
    assert.deepEqual(await open(), ['f3', 'f2', 'f1']);
  });

  it('that cannot be read acknowledges nothing', async () => {
    const { zookeeper, open } = await staged();
    zookeeper.put(znodes.ack('g1'), '{"epoch":"all"}');
    assert.deepEqual(await open(), ['f3', 'f2', 'f1']);
  });

  it('takes its failovers out of what the other groups count', async () => {
    const { store } = await staged();
    await addGroup(store, 'g1', [{ host: '10.0.0.1', port: 3306 }]);
    const count = () => countRecentFailovers(store, { except: 'g2', since: 2 });
    assert.equal(await count(), 2);
    await writeAck(store, 'g1', ack);
    assert.equal(await count(), 1);
  });
});
