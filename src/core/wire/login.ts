import { Buffer } from 'node:buffer';
import { CACHING_SHA2, NONCE_BYTES } from './caching-sha2.ts';
import { Capability, OFFERED, STATUS_AUTOCOMMIT, UTF8MB4 } from './capabilities.ts';
import { readFields, readZeroEnded, uint16, uint32, zeroEnded } from './fields.ts';
import { protocolError } from './packets.ts';

export interface Greeting {
  readonly serverVersion: string;
  readonly connectionId: number;
  readonly nonce: Buffer;
  readonly offersTls: boolean;
}

const PROTOCOL_VERSION = 10;
/** Of the nonce, in the first part of the greeting. */
const FIRST_PART = 8;

/** `Protocol::HandshakeV10`. */
export function encodeGreeting({ serverVersion, connectionId, nonce, offersTls }: Greeting): Buffer {
  const capabilities = OFFERED | (offersTls ? Capability.Ssl : 0);
  return Buffer.concat([
    Buffer.from([PROTOCOL_VERSION]),
    zeroEnded(serverVersion),
    uint32(connectionId),
    nonce.subarray(0, FIRST_PART),
    Buffer.from([0]),
    uint16(capabilities & 0xffff),
    Buffer.from([UTF8MB4]),
    uint16(STATUS_AUTOCOMMIT),
    uint16(capabilities >>> 16),
    Buffer.from([NONCE_BYTES + 1]),
    Buffer.alloc(10),
    nonce.subarray(FIRST_PART),
    Buffer.from([0]),
    zeroEnded(CACHING_SHA2),
  ]);
}

export type LoginRequest =
  /** TLS begins with the next byte; the login comes again inside. */
  | { readonly kind: 'tls' }
  | {
      readonly kind: 'login';
      readonly user: string;
      readonly proof: Buffer;
      /** How the proof was made; '' when the client does not say. */
      readonly plugin: string;
    };

/** Capabilities, largest packet, character set, reserve: all that a client sends before TLS. */
const TLS_REQUEST_BYTES = 32;

/** `Protocol::HandshakeResponse41` or `Protocol::SSLRequest`. Throws `PEER_PROTOCOL`; clients older than 4.1 are not served. */
export function parseLogin(payload: Buffer): LoginRequest {
  return readFields(payload, 'login', (cursor) => {
    const capabilities = cursor.u32();
    if ((capabilities & Capability.Protocol41) === 0) throw protocolError('its protocol is older than 4.1');
    cursor.skip(TLS_REQUEST_BYTES - 4);
    if (cursor.remaining === 0 && (capabilities & Capability.Ssl) !== 0) return { kind: 'tls' };
    const user = readZeroEnded(cursor);
    const isPacked = (capabilities & Capability.PackedAuthData) !== 0;
    const proof = Buffer.from(isPacked ? cursor.lenencBytes() : cursor.take(cursor.u8()));
    if ((capabilities & Capability.ConnectWithDatabase) !== 0) readZeroEnded(cursor);
    const namesPlugin = (capabilities & Capability.PluginAuth) !== 0 && cursor.remaining > 0;
    return { kind: 'login', user, proof, plugin: namesPlugin ? readZeroEnded(cursor) : '' };
  });
}

/** `Protocol::AuthSwitchRequest`: the client proves itself anew, the way that is known here. */
export function encodeAuthSwitch(nonce: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0xfe]), zeroEnded(CACHING_SHA2), nonce, Buffer.from([0])]);
}
