import { Buffer } from 'node:buffer';
import { DcmhaError } from '../model/errors.ts';

/** The most that one packet of MySQL's protocol carries; what is longer goes on in the next (`MAX_PACKET_LENGTH`). */
export const MAX_PACKET_BYTES = 0xff_ffff;
/** Three bytes of length, one of sequence. */
export const PACKET_HEADER_BYTES = 4;

/** One message of a client. */
export interface Packet {
  /** Counts the packets of one exchange, modulo 256; the answer goes on from it. */
  readonly sequence: number;
  readonly payload: Buffer;
}

export function protocolError(what: string): DcmhaError {
  return new DcmhaError('PEER_PROTOCOL', `not a MySQL client that is served here: ${what}`);
}

/** A short message as one packet. */
export function framePacket(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(PACKET_HEADER_BYTES);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence & 0xff;
  return Buffer.concat([header, payload]);
}

/**
 * Cuts what a client sends into packets, chunk by chunk. A packet longer than the limit is refused with `PEER_PROTOCOL` as soon as its
 * header says so: nothing of that size is ever kept.
 */
export class PacketReader {
  #pending: Buffer = Buffer.alloc(0);
  #limit: number;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** Who has logged in may say more. */
  raiseLimit(limitBytes: number): void {
    this.#limit = limitBytes;
  }

  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
  }

  /** The next whole packet; undefined until there is one. */
  next(): Packet | undefined {
    if (this.#pending.length < PACKET_HEADER_BYTES) return undefined;
    const length = this.#pending.readUIntLE(0, 3);
    if (length > this.#limit) throw protocolError(`a packet of ${length} bytes`);
    const end = PACKET_HEADER_BYTES + length;
    if (this.#pending.length < end) return undefined;
    const sequence = this.#pending.readUInt8(3);
    const payload = this.#pending.subarray(PACKET_HEADER_BYTES, end);
    this.#pending = this.#pending.subarray(end);
    return { sequence, payload };
  }

  /** What was pushed and belongs to no packet taken yet: the beginning of TLS, when the last one asked for it. */
  takeRest(): Buffer {
    const rest = this.#pending;
    this.#pending = Buffer.alloc(0);
    return rest;
  }
}
