import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpoint } from '../../../src/core/model/endpoint.ts';
import { hasCode, type ErrorCode } from '../../../src/core/model/errors.ts';
import {
  addGroup,
  addMember,
  addRouters,
  checkGroupName,
  removeMember,
  removeRouter,
} from '../../../src/core/store/inventory-changes.ts';
import { listGroups, readMember, readMembers, readRouters } from '../../../src/core/store/inventory.ts';
import { initTree } from '../../../src/core/store/init-tree.ts';
import { FakeZookeeper } from '../../support/fake-coordination.ts';

const defaults = { agentPort: 7071 };
const [a, b, c] = ['10.0.0.1:3306', '10.0.0.2:3306', '10.0.0.3:3307'].map((text) => parseEndpoint(text));

async function withTree() {
  const server = new FakeZookeeper();
  const store = server.connect();
  await initTree(store);
  return { server, store };
}

function refuses(code: ErrorCode, ...words: readonly string[]) {
  return (error: unknown) => {
    assert.ok(hasCode(error, code), String(error));
    for (const word of words)
      assert.ok(error.message.includes(word), `${error.message} does not name ${word}`);
    return true;
  };
}

test('a new group has its members with defaults, and a second tree is not needed', async () => {
  const { store } = await withTree();
  assert.deepEqual(await initTree(store), []);
  await addGroup(store, 'g1', [a!, b!]);
  assert.deepEqual(await listGroups(store), ['g1']);
  assert.deepEqual(await readMembers(store, 'g1', defaults), [
    {
      id: '10-0-0-1',
      group: 'g1',
      endpoint: a,
      priority: 100,
      promote: 'yes',
      agent: { host: '10.0.0.1', port: 7071 },
    },
    {
      id: '10-0-0-2',
      group: 'g1',
      endpoint: b,
      priority: 100,
      promote: 'yes',
      agent: { host: '10.0.0.2', port: 7071 },
    },
  ]);
});

test('adding the same group again changes nothing; other members are refused', async () => {
  const { server, store } = await withTree();
  await addGroup(store, 'g1', [a!, b!]);
  const before = server.dump();
  await addGroup(store, 'g1', [b!, a!]);
  assert.deepEqual(server.dump(), before);
  await assert.rejects(addGroup(store, 'g1', [a!, c!]), refuses('USAGE', 'g1', 'addmeta'));
});

test('a host in another group is refused by name of that group, before anything is written', async () => {
  const { server, store } = await withTree();
  await addGroup(store, 'g1', [a!]);
  const before = server.dump();
  await assert.rejects(addGroup(store, 'g2', [b!, a!]), refuses('USAGE', '10.0.0.1', 'g1'));
  await assert.rejects(addMember(store, 'g3', b!), refuses('NOT_FOUND', 'g3', 'g1'));
  assert.deepEqual(server.dump(), before);
  await addGroup(store, 'g2', [b!]);
  await assert.rejects(addMember(store, 'g2', a!), refuses('USAGE', '10.0.0.1', 'g1'));
});

test('a member keeps what was said of it when only a part is said again', async () => {
  const { store } = await withTree();
  await addGroup(store, 'g1', [a!]);
  await addMember(store, 'g1', c!, { dc: 'east', priority: 5, promote: 'no', agentPort: 9000, weight: 10 });
  await addMember(store, 'g1', c!, { priority: 7 });
  assert.deepEqual(await readMember(store, '10-0-0-3', defaults), {
    id: '10-0-0-3',
    group: 'g1',
    endpoint: c,
    dc: 'east',
    priority: 7,
    promote: 'no',
    agent: { host: '10.0.0.3', port: 9000 },
    weight: 10,
  });
  assert.equal((await readMembers(store, 'g1', defaults)).length, 2);
});

for (const [wrong, word] of [
  [{ weight: 300 }, 'weight'],
  [{ weight: Number.NaN }, 'weight'],
  [{ priority: Number.NaN }, 'priority'],
  [{ agentPort: 70_000 }, 'agent'],
] as const)
  test(`what no coordinator could read is not written: ${word} ${Object.values(wrong).join('')}`, async () => {
    const { server, store } = await withTree();
    await addGroup(store, 'g1', [a!]);
    const before = server.dump();
    await assert.rejects(addMember(store, 'g1', a!, wrong), refuses('USAGE', word, '10.0.0.1'));
    assert.deepEqual(server.dump(), before);
  });

test("former words of the promote rule are read, and today's are written", async () => {
  const { server, store } = await withTree();
  await addGroup(store, 'g1', [a!, b!, c!]);
  server.put('/meta/host/10-0-0-1', "{'group': 'g1', 'port': 3306, 'promote': 'allow'}");
  server.put('/meta/host/10-0-0-2', '{"group":"g1","port":3306,"promote":"prefer-not"}');
  await addMember(store, 'g1', b!, { priority: 5 });
  await addMember(store, 'g1', c!, { promote: 'last' });
  const members = await readMembers(store, 'g1', defaults);
  assert.deepEqual(
    members.map(({ promote }) => promote),
    ['yes', 'last', 'last'],
  );
  assert.match(server.node('/meta/host/10-0-0-2')?.data.toString() ?? '', /"promote":"last"/);
});

test('a member replicates from another of its group, never in a circle', async () => {
  const { store } = await withTree();
  await addGroup(store, 'g1', [a!, b!, c!]);
  await addMember(store, 'g1', c!, { from: '10-0-0-2' });
  await assert.rejects(
    addMember(store, 'g1', b!, { from: '10-0-0-3' }),
    refuses('USAGE', '10-0-0-2 from 10-0-0-3 from 10-0-0-2'),
  );
  await assert.rejects(addMember(store, 'g1', b!, { from: '10-0-0-2' }), refuses('USAGE', 'circle'));
  await assert.rejects(addMember(store, 'g1', b!, { from: '10-0-0-9' }), refuses('USAGE', '10-0-0-9'));
  assert.equal((await readMembers(store, 'g1', defaults))[2]?.from, '10-0-0-2');
  await addMember(store, 'g1', c!, { from: '' });
  assert.equal((await readMembers(store, 'g1', defaults))[2]?.from, undefined);
});

test('a member is removed, but not the primary', async () => {
  const { server, store } = await withTree();
  await addGroup(store, 'g1', [a!, b!]);
  server.put('/master/g1', '10-0-0-1');
  await assert.rejects(removeMember(store, 'g1', '10-0-0-1'), refuses('USAGE', 'switch over'));
  assert.equal(await removeMember(store, 'g1', '10-0-0-2'), true);
  assert.equal(await removeMember(store, 'g1', '10-0-0-2'), false);
  assert.deepEqual(
    (await readMembers(store, 'g1', defaults)).map(({ id }) => id),
    ['10-0-0-1'],
  );
});

test('routers are added once each and removed', async () => {
  const { store } = await withTree();
  await addGroup(store, 'g1', [a!]);
  assert.deepEqual(await readRouters(store, 'g1'), []);
  const router = parseEndpoint('[::1]:7072');
  await addRouters(store, 'g1', [router, parseEndpoint('r2:7072')]);
  await addRouters(store, 'g1', [router]);
  assert.deepEqual(await readRouters(store, 'g1'), [router, { host: 'r2', port: 7072 }]);
  assert.equal(await removeRouter(store, 'g1', router), true);
  assert.equal(await removeRouter(store, 'g1', router), false);
  await assert.rejects(addRouters(store, 'nope', [router]), refuses('NOT_FOUND', 'nope'));
});

test('two operators who add members at once do not undo each other', async () => {
  const { server, store } = await withTree();
  const other = server.connect();
  await addGroup(store, 'g1', [a!]);
  await Promise.all([addMember(store, 'g1', b!), addMember(other, 'g1', c!)]);
  assert.deepEqual((await readMembers(store, 'g1', defaults)).map(({ id }) => id).sort(), [
    '10-0-0-1',
    '10-0-0-2',
    '10-0-0-3',
  ]);
});

test("reads the first program's literals and lists", async () => {
  const { server, store } = await withTree();
  server.put('/meta/group/old', '10-0-0-1,10-0-0-2');
  server.put('/meta/host/10-0-0-1', "{'group': 'old', 'port': '3306'}");
  server.put('/meta/host/10-0-0-2', "{u'group': u'old', u'port': 3307, 'extra': (1, None)}");
  server.put('/meta/router/old', "['10.0.0.9:7000', '10.0.0.8:7000']");
  const members = await readMembers(store, 'old', defaults);
  assert.deepEqual(
    members.map(({ endpoint }) => endpoint.port),
    [3306, 3307],
  );
  assert.equal((await readRouters(store, 'old')).length, 2);
});

const malformed: readonly [string, string, string][] = [
  ['/meta/host/10-0-0-1', "__import__('os')", '__import__'],
  ['/meta/host/10-0-0-1', '{"group": "g1", "po', 'neither JSON'],
  ['/meta/host/10-0-0-1', '{"group": "g1", "port": 99999}', 'port'],
  ['/meta/host/10-0-0-1', '{"group": "g1", "port": 3306, "promote": "perhaps"}', 'promote'],
  ['/meta/host/10-0-0-1', '', 'neither JSON'],
  ['/meta/group/g1', '10-0-0-1,10-0-0-7', '/meta/host/10-0-0-7'],
];
for (const [path, content, word] of malformed) {
  test(`a malformed ${path} (${content.slice(0, 24)}) is named`, async () => {
    const { server, store } = await withTree();
    await addGroup(store, 'g1', [a!]);
    server.put(path, content);
    await assert.rejects(readMembers(store, 'g1', defaults), refuses('ZNODE_MALFORMED', path, word));
  });
}

for (const name of ['', 'a/b', '../x', 'task', 'task7', 'x_send', 'a b', '.', 'x'.repeat(65), 'é']) {
  test(`no group is named ${JSON.stringify(name.slice(0, 12))}`, () => {
    assert.throws(() => checkGroupName(name), refuses('USAGE'));
  });
}
