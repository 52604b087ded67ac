import { connect } from 'node:net';
import type { Endpoint } from '../../src/core/model/endpoint.ts';

/** A client's connection through a proxy. */
export interface TcpSession {
  /** What the server behind it calls itself. */
  readonly server: string;
  isOpen(): boolean;
  end(): void;
}

/** Connects and waits for the server's name; undefined when the proxy refuses or closes. */
export function openSession(at: Endpoint, timeoutMs = 5000): Promise<TcpSession | undefined> {
  return new Promise((resolve) => {
    let open = true;
    const socket = connect(at);
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open = false;
      resolve(undefined);
    });
    socket.once('data', (data: Buffer) => {
      socket.setTimeout(0);
      resolve({ server: data.toString().trim(), isOpen: () => open, end: () => socket.destroy() });
    });
  });
}
