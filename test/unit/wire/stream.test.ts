import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isChecksumRight } from '../../../src/core/binlog/checksum.ts';
import { parseHeartbeatEvent, parseRotateEvent } from '../../../src/core/binlog/control-events.ts';
import { parseEventHeader } from '../../../src/core/binlog/event.ts';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import { parseFormatDescription } from '../../../src/core/binlog/format-description.ts';
import { GtidSet } from '../../../src/core/gtid/gtid-set.ts';
import {
  heartbeatEvent,
  rotateEvent,
  streamedFormatEvent,
} from '../../../src/core/wire/artificial-events.ts';
import { EventFramer } from '../../../src/core/wire/event-framer.ts';
import { TransactionStream } from '../../../src/core/wire/transaction-stream.ts';
import { chunksOf, readFixture, scan, type Scanned } from '../../support/binlog.ts';
import { messagesOf } from './unframe.ts';

const body = (event: Buffer) => event.subarray(19, -4);

test('the rotation that begins a file names it, with a checksum', () => {
  const event = rotateEvent(11, 'binlog.000042');
  const { type, flags, logPos, serverId, size } = parseEventHeader(event);
  assert.deepEqual([type, flags, logPos, serverId, size], [EventType.Rotate, 0x20, 0, 11, event.length]);
  assert.deepEqual(parseRotateEvent(body(event)), { nextFile: 'binlog.000042', position: 4n });
  assert.ok(isChecksumRight(event));
});

for (const [v2, position] of [
  [false, 1234],
  [true, 1234],
  [true, 5_000_000_000],
] as const) {
  test(`a heartbeat ${v2 ? 'of the second form' : ''} tells file and position ${position}`, () => {
    const event = heartbeatEvent({ serverId: 11, file: 'binlog.000042', position, v2 });
    const { type, logPos } = parseEventHeader(event);
    const heartbeat = parseHeartbeatEvent(type, body(event));
    assert.equal(heartbeat.file, 'binlog.000042');
    assert.equal(v2 ? Number(heartbeat.position) : logPos, position);
    assert.ok(isChecksumRight(event));
  });
}

for (const name of ['killed.000001', 'nochecksum.000001', 'rows.000001']) {
  test(`the format description of ${name} goes out closed, with a checksum announced`, () => {
    const raw = scan(readFixture(name)).events[0]!.raw;
    const event = streamedFormatEvent(raw, { fromStart: true });
    const format = parseFormatDescription(event);
    assert.deepEqual([format.inUse, format.checksum], [false, 'crc32']);
    assert.equal(format.createdAt, parseFormatDescription(raw).createdAt);
    assert.ok(isChecksumRight(event));
    const later = streamedFormatEvent(raw, { fromStart: false });
    assert.deepEqual([parseFormatDescription(later).createdAt, parseEventHeader(later).logPos], [0, 0]);
    assert.ok(isChecksumRight(later));
  });
}

interface Recorded {
  readonly bytes: Buffer;
  readonly scanned: Scanned;
  readonly start: number;
  readonly end: number;
}

function recordedFile(name: string): Recorded {
  const bytes = readFixture(name);
  const scanned = scan(bytes);
  const { transactions } = scanned;
  return { bytes, scanned, start: transactions[0]!.start, end: transactions.at(-1)!.end };
}

/** The events that are sent of a file, in chunks of this size, without the transactions that are had already. */
function sent({ bytes, start, end, scanned }: Recorded, have: GtidSet, chunkSize: number): readonly Buffer[] {
  const framer = new EventFramer(1);
  const addsChecksum = scanned.scanner.format?.checksum === 'none';
  const isWanted = (gtid: Parameters<GtidSet['has']>[0]) => !have.has(gtid);
  const stream = new TransactionStream(framer, { file: 'f', start, isWanted, addsChecksum });
  const parts: Buffer[] = [];
  for (const chunk of chunksOf(bytes.subarray(start, end), chunkSize)) {
    stream.push(chunk);
    parts.push(framer.take());
  }
  const { messages } = messagesOf(Buffer.concat(parts), 1);
  const events = messages.map((message) => message.subarray(1));
  assert.equal(
    stream.sentBytes,
    events.reduce((sum, { length }) => sum + length, 0),
  );
  return events;
}

for (const name of [
  'transactions.000001',
  'transactions.000002',
  'rows.000001',
  'statements.000001',
  'killed.000001',
]) {
  test(`the wanted transactions of ${name} go out byte for byte, however the file is read`, () => {
    const file = recordedFile(name);
    const { transactions, events } = file.scanned;
    fc.assert(
      fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 3000 }), (mask, chunkSize) => {
        const had = transactions.filter((_, at) => mask[at % Math.max(1, mask.length)] === true);
        const have = GtidSet.fromGtids(had.flatMap(({ gtid }) => (gtid === undefined ? [] : [gtid])));
        const expected = events.filter(({ offset }) =>
          transactions.some((one) => !had.includes(one) && offset >= one.start && offset < one.end),
        );
        assert.ok(
          Buffer.concat(sent(file, have, chunkSize)).equals(Buffer.concat(expected.map(({ raw }) => raw))),
        );
      }),
      { numRuns: 30 },
    );
  });
}

test('events of a file without checksums get one, and are otherwise the same', () => {
  const file = recordedFile('nochecksum.000001');
  const events = file.scanned.events.filter(({ offset }) => offset >= file.start && offset < file.end);
  for (const chunkSize of [1, 19, 100, 100_000]) {
    const found = sent(file, GtidSet.fromGtids([]), chunkSize);
    assert.equal(found.length, events.length);
    for (const [at, event] of found.entries()) {
      const { raw } = events[at]!;
      assert.ok(isChecksumRight(event));
      assert.equal(parseEventHeader(event).size, raw.length + 4);
      assert.ok(event.subarray(19, -4).equals(raw.subarray(19)));
    }
  }
});
