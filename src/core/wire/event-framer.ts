import { Buffer } from 'node:buffer';
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES } from './packets.ts';

/** Stands before each event of a stream: no error, no end. */
const EVENT_FOLLOWS = 0;

/**
 * Puts events into packets as a source sends them (`Binlog_sender::send_packet`): a byte 0, then the event, in as many packets as it
 * takes, numbered on through the whole stream. An event may be given in pieces. What is framed gathers until it is taken.
 */
export class EventFramer {
  #sequence: number;
  #out: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Of the message begun last, not given yet. */
  #left = 0;
  /** Of the packet that is open. */
  #room = 0;

  /** `sequence` of the first packet: one more than the request's. */
  constructor(sequence: number) {
    this.#sequence = sequence & 0xff;
  }

  /** A whole event. */
  event(bytes: Buffer): void {
    this.begin(bytes.length);
    this.add(bytes);
  }

  /** An event of this size; its bytes follow by `add`. */
  begin(sizeBytes: number): void {
    this.#left = sizeBytes + 1;
    this.#openPacket();
    this.#reserve(1);
    this.#out[this.#used] = EVENT_FOLLOWS;
    this.#took(1);
  }

  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(bytes.length - at, this.#room);
      this.#reserve(length);
      bytes.copy(this.#out, this.#used, at, at + length);
      at += length;
      this.#took(length);
    }
  }

  /** Makes room for what will be framed, so that it is not copied as it grows. */
  expect(sizeBytes: number): void {
    this.#reserve(sizeBytes);
  }

  /** All that was framed since the last time. */
  take(): Buffer {
    const taken = this.#out.subarray(0, this.#used);
    this.#out = Buffer.alloc(0);
    this.#used = 0;
    return taken;
  }

  #took(length: number): void {
    this.#used += length;
    this.#left -= length;
    this.#room -= length;
    // A full packet is never the last one: an empty one ends the message then.
    if (this.#room === 0 && this.#isFull) this.#openPacket();
  }

  #isFull = false;

  #openPacket(): void {
    const length = Math.min(this.#left, MAX_PACKET_BYTES);
    this.#reserve(PACKET_HEADER_BYTES);
    this.#out.writeUIntLE(length, this.#used, 3);
    this.#out[this.#used + 3] = this.#sequence;
    this.#sequence = (this.#sequence + 1) & 0xff;
    this.#used += PACKET_HEADER_BYTES;
    this.#room = length;
    this.#isFull = length === MAX_PACKET_BYTES;
  }

  #reserve(length: number): void {
    const needed = this.#used + length;
    if (needed <= this.#out.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#out.length * 2, 1024));
    this.#out.copy(grown, 0, 0, this.#used);
    this.#out = grown;
  }
}
