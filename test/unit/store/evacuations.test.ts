import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteEvacuated, noteReturned, readEvacuation } from '../../../src/core/store/evacuations.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

const by = 'dba';

test('what was moved out of a data centre is known until all of it is back', async () => {
  const store = new FakeZookeeper().connect();
  await initTree(store);
  const moves = ['g1', 'g2'].map((group) =>
    noteEvacuated(store, 'DC 1/a', { group, from: `${group}-host`, by, at: 5 }),
  );
  await Promise.all(moves);
  const groups = { g1: 'g1-host', g2: 'g2-host' };
  assert.deepEqual(await readEvacuation(store, 'DC 1/a'), { by, at: 5, groups });
  await noteReturned(store, 'DC 1/a', { group: 'g1', by, at: 6 });
  assert.deepEqual((await readEvacuation(store, 'DC 1/a'))?.groups, { g2: 'g2-host' });
  await noteReturned(store, 'DC 1/a', { group: 'g2', by, at: 7 });
  assert.equal(await readEvacuation(store, 'DC 1/a'), undefined);
});
