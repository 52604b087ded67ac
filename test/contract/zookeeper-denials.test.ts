import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import type { ZookeeperOptions } from '../../src/adapters/zookeeper/options.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import { ask } from '../../src/sandbox/ready.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { settleAll } from '../../src/sandbox/settle.ts';
import { startZookeeper, type ZookeeperHandle, type ZookeeperSettings } from '../../src/sandbox/zookeeper.ts';
import { startCuttableProxy } from '../support/cuttable-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { recordingLog, type RecordingLog } from '../support/test-log.ts';
import { throwsCode, type Client } from './coordination-suite.ts';

const port = 2181;
const hosts = { good: '127.80.2.1', noDigest: '127.80.2.2', sasl: '127.80.2.3', readOnly: '127.80.2.4' };
const properties: Readonly<Record<string, Pick<ZookeeperSettings, 'properties' | 'ensemble'>>> = {
  [hosts.noDigest]: { properties: ['zookeeper.DigestAuthenticationProvider.enabled=false'] },
  [hosts.sasl]: {
    properties: [
      'zookeeper.sessionRequireClientSASLAuth=true',
      'zookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
    ],
  },
  // Its majority is missing.
  [hosts.readOnly]: {
    properties: ['readonlymode.enabled=true'],
    ensemble: [hosts.readOnly, '127.80.2.5', '127.80.2.6'],
  },
};
const auth = { user: 'dcmha', password: 'not to be seen' };
const sessionTimeoutMs = 2000;

const at = (...servers: readonly string[]): string => servers.map((host) => `${host}:${port}`).join(',');
const count = (log: RecordingLog, message: string): number =>
  log.lines.filter((line) => line.message === message).length;

/** Servers that are there, and do not serve; and a network that brings nothing back. */
describe('a ZooKeeper server that denies', () => {
  let dir = '';
  let servers: readonly ZookeeperHandle[] = [];
  const opened: Client[] = [];

  before(async () => {
    dir = makeScratch();
    servers = await settleAll(
      Object.entries(hosts).map(([name, host]) =>
        startZookeeper({ dir: path.join(dir, name), host, port, ...properties[host] }),
      ),
    );
  });

  afterEach(async () => {
    for (const client of opened.splice(0)) await client[Symbol.asyncDispose]();
  });

  after(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await rm(dir, { recursive: true });
  });

  async function connect(to: string, options: Partial<ZookeeperOptions> = {}): Promise<Client> {
    const client = await connectZookeeper({
      hosts: to,
      root: '/mysql',
      sessionTimeoutMs,
      connectTimeoutMs: 20_000,
      auth,
      worldReadable: false,
      clock: systemClock,
      log: recordingLog(),
      ...options,
    });
    opened.push(client);
    return client;
  }

  it('our credentials: one SESSION_LOST says so, no session is taken for one, and it is not asked again and again', async () => {
    const log = recordingLog();
    await assert.rejects(connect(at(hosts.noDigest), { connectTimeoutMs: 2500, log }), (error) => {
      assert.ok(hasCode(error, 'SESSION_LOST'));
      assert.match(error.message, /127\.80\.2\.2:2181: digest authentication of dcmha is refused/);
      return true;
    });
    assert.deepEqual([count(log, 'zookeeper connected'), count(log, 'zookeeper denies us')], [0, 1]);
    assert.doesNotMatch(JSON.stringify(log.lines), /not to be seen/);
    const answer = await ask(hosts.noDigest, port, { say: 'mntr', enough: () => false });
    const sessions = Number(/zk_global_sessions\t(\d+)/.exec(String(answer))?.[1]);
    assert.ok(sessions >= 1 && sessions < 10, `${sessions} sessions`);
  });

  it('our credentials, as one of two: the other serves', async () => {
    for (let n = 0; n < 4; n += 1) {
      const client = await connect(at(hosts.noDigest, hosts.good));
      await initTree(client);
    }
  });

  it('whoever comes without SASL: each call says so, and watches do not make it connect round and round', async () => {
    const log = recordingLog();
    const client = await connect(at(hosts.sasl), { log });
    await eventually(
      () =>
        assert.rejects(
          client.read('/task'),
          (error) => hasCode(error, 'ZNODE_DENIED') && error.message.includes('SASL'),
        ),
      { timeoutMs: 10_000 },
    );
    const stop = new AbortController();
    for (const node of ['/task', '/white', '/lock']) client.watchData(node, () => undefined, stop.signal);
    const before = count(log, 'zookeeper connected');
    const until = performance.now() + 2000;
    await eventually(() => performance.now() > until, { timeoutMs: 10_000 });
    stop.abort();
    const made = count(log, 'zookeeper connected') - before;
    assert.ok(made < 10, `${made} connections`);
    assert.equal(count(log, 'zookeeper denies us'), 1);
  });

  it('everything but reading, for want of its majority: no session, nothing stale is read; beside a good one, this serves', async () => {
    const mode = () => ask(hosts.readOnly, port, { say: 'srvr', enough: (bytes) => bytes.includes('Mode') });
    await eventually(async () => assert.match(String(await mode()), /Mode: read-only/), {
      timeoutMs: 30_000,
    });
    await assert.rejects(connect(at(hosts.readOnly), { connectTimeoutMs: 1500 }), throwsCode('SESSION_LOST'));
    for (let n = 0; n < 4; n += 1) await initTree(await connect(at(hosts.readOnly, hosts.good)));
  });

  it('nothing, but no answer comes back: a call fails in time, and what it wrote may stand; healed, the client goes on', async () => {
    await using network = await startCuttableProxy(hosts.good, { host: hosts.good, port });
    const client = await connect(`${network.endpoint.host}:${network.endpoint.port}`);
    const witness = await connect(at(hosts.good));
    await initTree(client);
    await client.create('/lock/half-open', '', 'ephemeral');
    network.cutAnswers();
    const started = performance.now();
    await assert.rejects(client.write('/task', 'sent'), throwsCode('SESSION_LOST'));
    assert.ok(performance.now() - started < 3 * sessionTimeoutMs);
    assert.equal((await witness.read('/task'))?.data.toString(), 'sent');
    await eventually(() => client.state() === 'connecting', { timeoutMs: 10_000 });
    await eventually(async () => (await witness.read('/lock/half-open')) === undefined, {
      timeoutMs: 20_000,
    });
    network.heal();
    await eventually(() => client.write('/task', 'again'), { timeoutMs: 20_000 });
  });
});
