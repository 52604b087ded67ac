import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { orderTask } from '../../../src/cli/operator.ts';
import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { addGroup } from '../../../src/core/store/inventory-changes.ts';
import { listTasks } from '../../../src/core/store/tasks.ts';
import { znodes } from '../../../src/core/store/znodes.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

for (const kind of ['add', 'failover'] as const)
  test(`${kind} of a group that is not there is refused at once, and does not wait for one to be made`, async () => {
    const server = new FakeZookeeper();
    const store = server.connect();
    await initTree(store);
    await addGroup(store, 'orders', [parseEndpoint('10.0.0.1:3306')]);
    server.put(`${znodes.coordinators}/one`, '');
    const order = { kind, group: 'order', by: 'dba', at: 1 } as const;
    await assert.rejects(orderTask(store, order, { clock: systemClock, timeoutMs: 1 }), (error) => {
      assert.ok(hasCode(error, 'NOT_FOUND'), String(error));
      assert.match(error.message, /no group "order" \(known: orders\)/);
      return true;
    });
    assert.deepEqual(await listTasks(store), []);
  });
