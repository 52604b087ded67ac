import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Endpoint } from '../../src/core/model/endpoint.ts';

/** A TCP relay that a test can cut, as a network would be: no end of connection is told, nothing arrives, new ones hang. */
export interface CuttableProxy extends AsyncDisposable {
  readonly endpoint: Endpoint;
  cut(): void;
  /** Half open: what clients send still arrives, and nothing comes back; so new connections hang. */
  cutAnswers(): void;
  /** New connections work again; those of before the cut are ended. */
  heal(): void;
}

export async function startCuttableProxy(host: string, target: Endpoint): Promise<CuttableProxy> {
  let isCut = false;
  let isDeaf = false;
  const sockets = new Set<Socket>();
  const answering = new Set<Socket>();
  const own = (socket: Socket): Socket => {
    sockets.add(socket);
    // Ends of connections are what this is about: each side just goes.
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((client) => {
    own(client);
    if (isCut || isDeaf) return void client.pause();
    const upstream = own(connect(target));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      answering.delete(upstream);
      if (!isCut && !isDeaf) client.destroy();
    });
    client.pipe(upstream);
    upstream.pipe(client);
    answering.add(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: { host, port },
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    cutAnswers: () => {
      isDeaf = true;
      for (const upstream of answering) upstream.unpipe().resume();
    },
    heal: () => {
      isCut = isDeaf = false;
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
