import { createServer, type Socket } from 'node:net';

/** Accepts connections and never answers, as the kernel does for a process that is stopped. */
export async function startSilentServer(host: string, port: number): Promise<AsyncDisposable> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, resolve);
  });
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}
