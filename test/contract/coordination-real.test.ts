import { rm } from 'node:fs/promises';
import { after, before } from 'node:test';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { startZookeeper, type ZookeeperHandle } from '../../src/sandbox/zookeeper.ts';
import { startCuttableProxy, type CuttableProxy } from '../support/cuttable-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { silentLog } from '../support/test-log.ts';
import { coordinationSuite, type Client } from './coordination-suite.ts';

const host = '127.80.0.1';
let dir = '';
let server: ZookeeperHandle;
/** A victim has a network of its own, so that it can be cut off alone. */
const networks = new Map<Client, CuttableProxy>();

before(async () => {
  dir = makeScratch();
  server = await startZookeeper({ dir, host, port: 2181 });
});

after(async () => {
  for (const network of networks.values()) await network[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

async function connect(to?: CuttableProxy): Promise<Client> {
  return connectZookeeper({
    hosts: to === undefined ? server.endpoint : `${to.endpoint.host}:${to.endpoint.port}`,
    root: '/installations/contract',
    sessionTimeoutMs: 1000,
    connectTimeoutMs: 10_000,
    worldReadable: false,
    clock: systemClock,
    log: silentLog,
  });
}

coordinationSuite('real', () => ({
  connect: () => connect(),
  connectVictim: async () => {
    const network = await startCuttableProxy(host, { host, port: 2181 });
    const client = await connect(network);
    networks.set(client, network);
    return client;
  },
  expire: async (client) => {
    const witness = await connect();
    const mark = await client.create('/lock/expiring', '', 'ephemeral');
    networks.get(client)?.cut();
    await eventually(async () => (await witness.read(mark)) === undefined, { timeoutMs: 10_000 });
    networks.get(client)?.heal();
    await witness[Symbol.asyncDispose]();
  },
  outage: async (meanwhile) => {
    await server.kill();
    await meanwhile();
    await server.start();
  },
}));
