import { FakeZookeeper, type FakeCoordination } from '../support/fake-coordination.ts';
import { coordinationSuite, type Client } from './coordination-suite.ts';

const server = new FakeZookeeper(Date.now);
const clients = new Map<Client, FakeCoordination>();

async function connect(): Promise<Client> {
  const client = await Promise.resolve(server.connect({ sessionTimeoutMs: 1000 }));
  clients.set(client, client);
  return client;
}

coordinationSuite('fake', () => ({
  connect,
  connectVictim: connect,
  expire: async (client) => Promise.resolve(clients.get(client)?.expire()),
  outage: async (meanwhile) => {
    for (const client of clients.keys()) clients.get(client)?.cutOff();
    await meanwhile();
    for (const client of clients.keys()) clients.get(client)?.reconnect();
  },
}));
