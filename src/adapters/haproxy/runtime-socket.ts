import { connect } from 'node:net';
import { DcmhaError } from '../../core/model/errors.ts';

/**
 * Sends commands to HAProxy's runtime socket and returns the whole answer: one connection each time, several commands joined by
 * `;`. Throws `PEER_UNREACHABLE` (nobody listens) or `TIMED_OUT`.
 */
export function runtimeCommand(
  socket: string,
  command: string,
  options: { readonly timeoutMs: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const details = { socket, command };
    const client = connect({ path: socket });
    const timer = setTimeout(() => {
      client.destroy();
      reject(
        new DcmhaError('TIMED_OUT', `haproxy did not answer at ${socket} within ${options.timeoutMs} ms`, {
          details,
        }),
      );
    }, options.timeoutMs);
    client.on('connect', () => client.end(`${command}\n`));
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.on('error', (cause) => {
      clearTimeout(timer);
      reject(new DcmhaError('PEER_UNREACHABLE', `haproxy does not answer at ${socket}`, { details, cause }));
    });
    client.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
  });
}
