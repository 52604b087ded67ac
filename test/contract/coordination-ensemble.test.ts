import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { startEnsemble, type ZookeeperHandle } from '../../src/sandbox/zookeeper.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLog } from '../support/test-log.ts';
import { throwsCode, type Client } from './coordination-suite.ts';

const hosts = ['127.80.1.1', '127.80.1.2', '127.80.1.3'];
let dir = '';
let servers: readonly ZookeeperHandle[] = [];

before(async () => {
  dir = makeScratch();
  servers = await startEnsemble(
    dir,
    hosts.map((host) => ({ host, port: 2181 })),
  );
});

after(async () => {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  await rm(dir, { recursive: true });
});

function connect(sessionTimeoutMs: number): Promise<Client> {
  return connectZookeeper({
    hosts: hosts.map((host) => `${host}:2181`).join(','),
    root: '/mysql',
    sessionTimeoutMs,
    connectTimeoutMs: 20_000,
    worldReadable: false,
    clock: systemClock,
    log: recordingLog(),
  });
}

test('each server in turn is killed, and comes back: the session goes on at another, its ephemeral node stands', async () => {
  await using client = await connect(6000);
  // An ensemble that has just started may still change its leader: a call is then lost, and init is made to be repeated.
  await eventually(() => initTree(client), { timeoutMs: 30_000 });
  const session = client.sessionId();
  await client.create('/lock/ensemble', '', 'ephemeral');
  let value = 0;
  for (const server of servers) {
    await server.kill();
    const started = performance.now();
    // The leader may have been killed: until there is another, nobody answers.
    await eventually(async () => client.write('/task', String((value += 1))), { timeoutMs: 20_000 });
    assert.ok(performance.now() - started < 10_000);
    assert.equal(client.sessionId(), session);
    assert.equal((await client.read('/lock/ensemble'))?.owner, session);
    await server.start();
  }
});

test('without a majority calls fail; with it again the same client goes on', async () => {
  await using client = await connect(2000);
  await initTree(client);
  await Promise.all(servers.slice(1).map((server) => server.kill()));
  await eventually(() => assert.rejects(client.write('/task', 'x'), throwsCode('SESSION_LOST')), {
    timeoutMs: 20_000,
  });
  await assert.rejects(client.sync('/task'), throwsCode('SESSION_LOST'));
  await Promise.all(servers.slice(1).map((server) => server.start()));
  await eventually(() => client.write('/task', 'y'), { timeoutMs: 20_000 });
});
