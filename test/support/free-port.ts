import { createServer } from 'node:net';

/** A port of which it and the next one are free on a loopback address now. */
export async function freePortPair(host: string): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000) * 2;
    if ((await isFree(host, port)) && (await isFree(host, port + 1))) return port;
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}
