import { connect } from 'node:net';
import type { Endpoint } from '../../core/model/endpoint.ts';
import type { Deadline } from '../system/deadline.ts';

const PACKET_HEADER_BYTES = 4;
const PROTOCOL_VERSION = 10;

/**
 * Connects, and leaves when the server says its greeting: connections are taken in the order in which they came, so that it has taken by then all that
 * were made before. Resolves to the number of that session, which may still be in the process list for a moment; undefined when there was no greeting
 * in time.
 */
export function knock({ host, port }: Endpoint, deadline: Deadline): Promise<number | undefined> {
  const socket = connect({ host, port, noDelay: true });
  const greeted = new Promise<number | undefined>((resolve) => {
    socket.once('data', (bytes) => resolve(sessionIn(bytes)));
    for (const end of ['error', 'close'] as const) socket.once(end, () => resolve(undefined));
  });
  return deadline
    .race(greeted, () => new Error('late'))
    .catch(() => undefined)
    .finally(() => socket.destroy());
}

/** A greeting's first piece has it whole: version and number are in its first hundred bytes. */
function sessionIn(bytes: Buffer): number | undefined {
  const versionEnd = bytes.indexOf(0, PACKET_HEADER_BYTES + 1);
  if (bytes[PACKET_HEADER_BYTES] !== PROTOCOL_VERSION || versionEnd < 0) return undefined;
  return bytes.length < versionEnd + 5 ? undefined : bytes.readUInt32LE(versionEnd + 1);
}
