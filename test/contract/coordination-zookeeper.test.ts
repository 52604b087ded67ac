import assert from 'node:assert/strict';
import { execFile, spawnSync, type StdioOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { coverInherited } from '../../src/adapters/system/inherited-files.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import type { ZookeeperOptions } from '../../src/adapters/zookeeper/options.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { initTree, requireTree } from '../../src/core/store/init-tree.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { startZookeeper, type ZookeeperHandle } from '../../src/sandbox/zookeeper.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLog } from '../support/test-log.ts';
import { throwsCode, type Client } from './coordination-suite.ts';

const host = '127.80.0.2';
/** Nobody listens there. */
const dead = '127.80.0.3:2181';
let dir = '';
let server: ZookeeperHandle;
const opened: Client[] = [];

before(async () => {
  dir = makeScratch();
  server = await startZookeeper({ dir, host, port: 2181 });
});

afterEach(async () => {
  for (const client of opened.splice(0)) await client[Symbol.asyncDispose]();
});

after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function connect(options: Partial<ZookeeperOptions> = {}): Promise<Client> {
  const client = await connectZookeeper({
    hosts: server.endpoint,
    root: '/mysql',
    sessionTimeoutMs: 1000,
    connectTimeoutMs: 10_000,
    worldReadable: false,
    clock: systemClock,
    log: recordingLog(),
    ...options,
  });
  opened.push(client);
  return client;
}

async function tookMs(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

test('an ensemble that nobody can reach is one SESSION_LOST that names it, in time', async () => {
  const elapsed = await tookMs(() =>
    assert.rejects(connect({ hosts: `${dead},127.80.0.4:2181`, connectTimeoutMs: 700 }), (error) => {
      assert.ok(hasCode(error, 'SESSION_LOST'));
      assert.match(error.message, /127\.80\.0\.3:2181,127\.80\.0\.4:2181/);
      return true;
    }),
  );
  assert.ok(elapsed > 600 && elapsed < 5000, `${elapsed} ms`);
});

test('a name that does not resolve, and a malformed one, are told', async () => {
  const log = recordingLog();
  await assert.rejects(
    connect({ hosts: 'no-such-host.invalid:2181', connectTimeoutMs: 500, log }),
    throwsCode('SESSION_LOST'),
  );
  for (const hosts of ['', 'a b:1', 'host:99999', 'h:1,,i:2']) {
    await assert.rejects(connect({ hosts }), throwsCode('CONFIG_INVALID'), hosts);
  }
});

test('one that is away when the process starts is connected to when it comes', async () => {
  await server.stop();
  const client = await connect({ awaitSession: false });
  assert.equal(client.state(), 'connecting');
  client.present('/late', 'x');
  let woken = 0;
  client.watchData('/late', () => (woken += 1), new AbortController().signal);
  await assert.rejects(client.read('/late'), throwsCode('SESSION_LOST'));
  await server.start();
  await eventually(() => client.state() === 'connected', { timeoutMs: 10_000 });
  await initTree(client);
  await eventually(() => woken > 0, { timeoutMs: 10_000 });
  await eventually(async () => (await client.read('/late'))?.data.toString() === 'x', { timeoutMs: 10_000 });
});

test('of a node that is written again and again wakes are apart as asked, the first comes at once, and the last change is seen', async () => {
  const lateMs = 300;
  const [watching, writing] = [await connect(), await connect()];
  await initTree(writing);
  await writing.create('/busy', '0');
  const seen: { readonly at: number; readonly data: Promise<string | undefined> }[] = [];
  const wake = (): void => {
    const data = watching.read('/busy').then((node) => node?.data.toString());
    seen.push({ at: performance.now(), data });
  };
  watching.watchData('/busy', wake, new AbortController().signal, lateMs);
  await watching.sync('/busy');
  await writing.write('/busy', 'first');
  await eventually(() => seen.length === 1, { timeoutMs: 10_000 });
  for (let n = 1; n <= 20; n++) await writing.write('/busy', `${n}`);
  await eventually(async () => (await seen.at(-1)?.data) === '20', { timeoutMs: 10_000 });
  const gaps = seen.slice(1).map(({ at }, n) => at - (seen[n]?.at ?? 0));
  assert.ok(
    gaps.every((gap) => gap > lateMs - 20),
    `wakes were apart by ${gaps.join(', ')} ms`,
  );
});

test('a dead server, or one that accepts and never answers, costs a moment only', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.80.0.5', resolve));
  const { port } = silent.address() as AddressInfo;
  try {
    for (let n = 0; n < 10; n += 1) {
      const elapsed = await tookMs(() => connect({ hosts: `${dead},127.80.0.5:${port},${server.endpoint}` }));
      assert.ok(elapsed < 3000, `${elapsed} ms`);
    }
  } finally {
    silent.close();
    for (const client of opened.splice(0)) await client[Symbol.asyncDispose]();
  }
});

test('a server that hangs and goes on: calls fail in time, the client goes on', async () => {
  const client = await connect({ sessionTimeoutMs: 2000 });
  await initTree(client);
  await server.kill('SIGSTOP');
  try {
    const elapsed = await tookMs(() => assert.rejects(client.read('/task'), throwsCode('SESSION_LOST')));
    assert.ok(elapsed < 5000, `${elapsed} ms`);
    await eventually(() => client.state() === 'connecting', { timeoutMs: 3000 });
  } finally {
    await server.kill('SIGCONT');
  }
  await eventually(() => client.state() === 'connected', { timeoutMs: 10_000 });
  assert.notEqual(await client.read('/task'), undefined);
});

test('a short restart of the server keeps the session and its ephemeral nodes', async () => {
  const client = await connect({ sessionTimeoutMs: 10_000 });
  await initTree(client);
  const session = client.sessionId();
  await client.create('/lock/kept', '', 'ephemeral');
  await server.kill();
  await server.start();
  await eventually(() => client.state() === 'connected', { timeoutMs: 10_000 });
  assert.equal(client.sessionId(), session);
  assert.equal((await client.read('/lock/kept'))?.owner, session);
});

test("nodes are the installation's user's only; others read when the option says so", async () => {
  const auth = { user: 'dcmha', password: 'secret:with:colons' };
  const owner = await connect({ auth, root: '/closed' });
  await initTree(owner);
  const sequential = await owner.create('/task/task', 'x', 'sequential');
  await owner.create('/lock/l', 'x', 'ephemeral');
  owner.present('/online-list/h', 'x');
  await eventually(async () => (await owner.read('/online-list/h')) !== undefined, { timeoutMs: 5000 });
  const same = await connect({ auth, root: '/closed' });
  assert.equal((await same.read(sequential))?.data.toString(), 'x');
  await same.write(sequential, 'y');
  for (const other of [
    await connect({ root: '/closed' }),
    await connect({ auth: { ...auth, password: 'wrong' }, root: '/closed' }),
  ]) {
    for (const node of ['/task', sequential, '/lock/l', '/online-list/h']) {
      await assert.rejects(other.read(node), throwsCode('ZNODE_DENIED'), node);
      await assert.rejects(other.write(node, 'x'), throwsCode('ZNODE_DENIED'), node);
    }
    await assert.rejects(other.create('/task/x', ''), throwsCode('ZNODE_DENIED'));
    await assert.rejects(other.remove(sequential), throwsCode('ZNODE_DENIED'));
    await assert.rejects(other.children('/task'), (error) => {
      assert.ok(hasCode(error, 'ZNODE_DENIED'));
      assert.match(error.message, /\/closed\/task.*zookeeper\.user/);
      assert.doesNotMatch(error.message, /secret|wrong/);
      return true;
    });
  }
  const open = await connect({ auth, root: '/readable', worldReadable: true });
  await initTree(open);
  const reader = await connect({ root: '/readable' });
  assert.equal((await reader.read('/task'))?.data.length, 0);
  await assert.rejects(reader.write('/task', 'x'), throwsCode('ZNODE_DENIED'));
});

test('a digest session stays authenticated over a reconnect', async () => {
  const auth = { user: 'dcmha', password: 'p' };
  const client = await connect({ auth, root: '/auth', sessionTimeoutMs: 10_000 });
  await initTree(client);
  await server.kill();
  await server.start();
  await eventually(() => client.state() === 'connected', { timeoutMs: 10_000 });
  await client.write('/task', 'x');
});

test('installations are apart by root and by a path behind the hosts', async () => {
  const first = await connect({ root: '/deep/er/one' });
  await assert.rejects(requireTree(first), throwsCode('NOT_FOUND'));
  assert.ok((await initTree(first)).length > 10);
  assert.deepEqual(await initTree(first), []);
  await requireTree(first);
  const second = await connect({ hosts: `${server.endpoint}/deep/er`, root: '/two' });
  await initTree(second);
  await second.create('/task/only', '');
  assert.deepEqual(await first.children('/task'), []);
  const outside = await connect({ root: '/deep/er' });
  assert.deepEqual(await outside.children('/two/task'), ['only']);
  await assert.rejects(outside.read('/a\0b'), throwsCode('USAGE'));
});

test("a former session's presence is removed, not waited for", async () => {
  const client = await connect({ sessionTimeoutMs: 20_000 });
  await initTree(client);
  const log = recordingLog();
  const made = await connect({ log });
  await client.create('/online-list/by-hand', 'left by hand');
  made.present('/online-list/by-hand', 'x');
  await eventually(async () => (await client.read('/online-list/by-hand'))?.owner === made.sessionId(), {
    timeoutMs: 5000,
  });
  assert.ok(log.lines.some(({ message }) => message === 'presence node of another session removed'));
});

test('a call that cannot be sent, its server just gone, does not end the process: the client goes on', async () => {
  const client = await connect({ sessionTimeoutMs: 10_000 });
  await initTree(client);
  const session = client.sessionId();
  for (let n = 0; n < 3; n += 1) {
    const pid = server.pid();
    assert.ok(pid !== undefined);
    // What follows an answer runs before the event loop has taken up the socket again; so must all of it, until the call is sent.
    await client.read('/task');
    process.kill(pid, 'SIGKILL');
    while (/^\d+ \(java\) [^Z]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) {
      // Its end needs nothing of this process.
    }
    await assert.rejects(client.read('/task'), throwsCode('SESSION_LOST'));
    await server.start();
    await eventually(() => client.read('/task'), { timeoutMs: 10_000 });
    assert.equal(client.sessionId(), session);
  }
});

test('a large node is read whole, in however many pieces it comes', async () => {
  const client = await connect();
  await initTree(client);
  const session = client.sessionId();
  const large = 'x'.repeat(1_000_000);
  await client.write('/task', large);
  for (let n = 0; n < 20; n += 1) assert.equal((await client.read('/task'))?.data.length, large.length);
  assert.equal(client.sessionId(), session);
  await client.write('/task', '');
});

test("a program that is started does not get the session's socket", async () => {
  await connect({ sessionTimeoutMs: 10_000 });
  const listing = (cover: ReturnType<typeof coverInherited>): string => {
    const stdio: StdioOptions = ['ignore', 'pipe', 'inherit', ...cover];
    return String(spawnSync('ls', ['-l', '/proc/self/fd'], { stdio }).stdout);
  };
  const sockets = (text: string): number => text.match(/socket:/g)?.length ?? 0;
  assert.equal(sockets(listing(coverInherited())) + 1, sockets(listing([])));
});

test('a process that is done exits at once, its session ended, and the library has said nothing', async () => {
  const client = await connect();
  await initTree(client);
  const script = `
    import { connectZookeeper } from ${JSON.stringify(pathToFileURL(path.resolve('src/adapters/zookeeper/connect.ts')).href)};
    import { systemClock as clock } from ${JSON.stringify(pathToFileURL(path.resolve('src/adapters/system/clock.ts')).href)};
    const nothing = () => undefined;
    const log = { error: nothing, warn: nothing, info: nothing, debug: nothing, with: () => log };
    const options = { root: '/mysql', sessionTimeoutMs: 6000, worldReadable: false, clock, log };
    await connectZookeeper({ ...options, hosts: '${dead}', connectTimeoutMs: 500 }).catch((error) => console.log(error.code));
    const session = await connectZookeeper({ ...options, hosts: '${dead},${server.endpoint}' });
    await session.create('/lock/child', '', 'ephemeral');
    await session[Symbol.asyncDispose]();
    console.log('end', process.uptime());
  `;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    { timeout: 20_000 },
  );
  assert.match(stdout, /^SESSION_LOST\nend [\d.]+\n$/);
  assert.equal(stderr, '');
  assert.equal(await client.read('/lock/child'), undefined);
});
