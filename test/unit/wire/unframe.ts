import assert from 'node:assert/strict';

const FULL = 0xff_ffff;

/** The messages of a stream of packets, put together; fails when the packets are not numbered on from `sequence`. */
export function messagesOf(
  bytes: Buffer,
  sequence: number,
): { readonly messages: readonly Buffer[]; readonly packets: number } {
  const messages: Buffer[] = [];
  let parts: Buffer[] = [];
  let packets = 0;
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUIntLE(at, 3);
    assert.equal(bytes[at + 3], (sequence + packets) & 0xff);
    parts.push(bytes.subarray(at + 4, at + 4 + length));
    packets += 1;
    at += 4 + length;
    if (length === FULL) continue;
    messages.push(Buffer.concat(parts));
    parts = [];
  }
  assert.equal(parts.length, 0, 'the last message has no end');
  return { messages, packets };
}
