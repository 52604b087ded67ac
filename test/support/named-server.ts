import { createServer, type Socket } from 'node:net';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';

/** A TCP server that tells each client its own address and then keeps the connection: it stands in for a MySQL server. */
export interface NamedServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly name: string;
}

/** Port 0 takes a free one. One that is `deaf` never closes, as a host that is gone. */
export async function startNamedServer(
  host: string,
  { port = 0, deaf = false }: { readonly port?: number; readonly deaf?: boolean } = {},
): Promise<NamedServer> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: deaf }, (client) => {
    clients.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => clients.delete(client));
    client.write(`${name}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, resolve);
  });
  const address = server.address();
  const endpoint = { host, port: typeof address === 'object' && address !== null ? address.port : 0 };
  const name = formatEndpoint(endpoint);
  return {
    endpoint,
    name,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}
