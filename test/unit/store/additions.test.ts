import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  linksToRegion,
  readLink,
  readLinks,
  readRegion,
  removeLink,
  writeLink,
  writeRegion,
} from '../../../src/core/store/additions.ts';
import { checkRegionName } from '../../../src/core/regional/channel.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

async function withTree() {
  const server = new FakeZookeeper();
  const store = server.connect();
  await initTree(store);
  return { server, store };
}

const at = (host: string, port = 3306) => ({ host, port });
const blank = { only: [], ignore: [], uuids: [], accepted: '' };

for (const [name, text, source] of [
  ['None', 'None', undefined],
  ['nothing', '', undefined],
  [
    "the first program's",
    "{'host': '10.1.0.1', 'port': '3307', 'ssl': True}",
    { endpoint: at('10.1.0.1', 3307), ssl: true },
  ],
  [
    'its spelling of port',
    "{'host': '10.1.0.1', 'prot': 3307, 'ssl': 0}",
    { endpoint: at('10.1.0.1', 3307), ssl: false },
  ],
  ['our own', '{"host":"10.1.0.1","port":3306,"ssl":1}', { endpoint: at('10.1.0.1'), ssl: true }],
] as const) {
  test(`a channel's source is read from ${name}`, async () => {
    const { server, store } = await withTree();
    server.put('/addition/replication/g1/eu', text);
    assert.deepEqual((await readLink(store, 'g1', 'eu'))?.source, source);
  });
}

test('the servers of a region are read by id or address, with either spelling', async () => {
  const { server, store } = await withTree();
  server.put(
    '/addition/region/eu',
    "{'10-1-0-1': {'prot': '3306', 'ssl': False}, 'db.example': {'port': 3307}}",
  );
  assert.deepEqual(await readRegion(store, 'eu'), [
    { endpoint: at('10.1.0.1'), ssl: false },
    { endpoint: at('db.example', 3307), ssl: false },
  ]);
  assert.equal(await readRegion(store, 'us'), undefined);
});

test('what is written is read back, and the first program could read it, too', async () => {
  const { server, store } = await withTree();
  await writeRegion(store, 'eu', [{ endpoint: at('10.1.0.1'), ssl: true }]);
  assert.equal(
    server.node('/addition/region/eu')?.data.toString('utf8'),
    '{"10-1-0-1":{"port":3306,"ssl":1}}',
  );
  await writeLink(store, { group: 'g1', region: 'eu', source: undefined, ...blank });
  assert.equal(server.node('/addition/replication/g1/eu')?.data.toString('utf8'), 'None');
  const link = (await readLink(store, 'g1', 'eu'))!;
  const more = { source: { endpoint: at('10.1.0.1'), ssl: true }, ignore: ['app.tmp%'], uuids: ['u'] };
  assert.equal(await writeLink(store, { ...link, ...more }), 1);
  assert.deepEqual(await readLinks(store, 'g1'), [{ ...link, ...more, version: 1 }]);
  await assert.rejects(writeLink(store, link), { code: 'ZNODE_CONFLICT' });
  assert.equal((await linksToRegion(store, 'eu')).length, 1);
  assert.equal(await removeLink(store, 'g1', 'eu'), true);
  assert.deepEqual(await readLinks(store, 'g1'), []);
});

test('a channel that cannot be read is named by its path', async () => {
  const { server, store } = await withTree();
  server.put('/addition/replication/g1/eu', "{'port': 70000}");
  await assert.rejects(readLinks(store, 'g1'), {
    code: 'ZNODE_MALFORMED',
    message: /addition\/replication\/g1\/eu/,
  });
});

for (const [name, region, others] of [
  ['is empty', '', []],
  ['would need quoting', "eu'", []],
  ['is longer than a channel', 'x'.repeat(58), []],
  ['differs from another in case only', 'EU', ['eu']],
] as const) {
  test(`a region's name that ${name} is refused`, () => {
    assert.throws(() => checkRegionName(region, others), { code: 'USAGE' });
  });
}
