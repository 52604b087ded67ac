import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../src/core/model/errors.ts';
import { EventFramer } from '../../../src/core/wire/event-framer.ts';
import { framePacket, MAX_PACKET_BYTES, PacketReader } from '../../../src/core/wire/packets.ts';
import { messagesOf } from './unframe.ts';

test('packets come out as they were put in, however the bytes are cut', () => {
  const packets = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(packets, fc.integer({ min: 1, max: 50 }), (payloads, cut) => {
      const bytes = Buffer.concat(payloads.map((payload, at) => framePacket(at, Buffer.from(payload))));
      const reader = new PacketReader(1000);
      const found: string[] = [];
      for (let at = 0; at < bytes.length; at += cut) {
        reader.push(bytes.subarray(at, at + cut));
        for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
          assert.equal(packet.sequence, found.length);
          found.push(packet.payload.toString('hex'));
        }
      }
      assert.deepEqual(
        found,
        payloads.map((payload) => Buffer.from(payload).toString('hex')),
      );
    }),
  );
});

test('a packet over the limit is refused by its header, before its bytes come', () => {
  const reader = new PacketReader(100);
  reader.push(Buffer.from([101, 0, 0, 0]));
  assert.throws(
    () => reader.next(),
    (error) => hasCode(error, 'PEER_PROTOCOL'),
  );
  const larger = new PacketReader(100);
  larger.raiseLimit(200);
  larger.push(Buffer.from([101, 0, 0, 0]));
  assert.equal(larger.next(), undefined);
});

test('what follows the last packet taken is handed over whole', () => {
  const reader = new PacketReader(100);
  reader.push(Buffer.concat([framePacket(1, Buffer.from('tls')), Buffer.from([22, 3, 1])]));
  assert.equal(reader.next()?.payload.toString(), 'tls');
  assert.deepEqual([...reader.takeRest()], [22, 3, 1]);
});

const sizes = [
  0,
  1,
  1000,
  MAX_PACKET_BYTES - 2,
  MAX_PACKET_BYTES - 1,
  MAX_PACKET_BYTES,
  2 * MAX_PACKET_BYTES - 1,
];
for (const size of sizes) {
  test(`an event of ${size} bytes, given in pieces, goes into as many packets as it takes`, () => {
    const framer = new EventFramer(250);
    const event = Buffer.alloc(size, 7);
    framer.event(Buffer.from('before'));
    framer.begin(size);
    const piece = Math.max(1, Math.ceil(size / 3));
    for (let at = 0; at < size; at += piece) framer.add(event.subarray(at, at + piece));
    framer.event(Buffer.from('after'));
    const { messages, packets } = messagesOf(framer.take(), 250);
    assert.deepEqual(
      messages.map(({ length }) => length),
      [7, size + 1, 6],
    );
    assert.ok(messages[1]?.subarray(1).equals(event));
    assert.equal(packets, 3 + Math.floor((size + 1) / MAX_PACKET_BYTES));
  });
}
