import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventScanner } from '../../../src/core/binlog/event-scanner.ts';
import { FileIndexer } from '../../../src/core/binlog/transaction-index.ts';
import { chunksOf, readFixture, scan, type Scanned } from '../../support/binlog.ts';

const FILES = ['transactions.000001', 'nochecksum.000001', 'statements.000001', 'killed.000001'] as const;

/** Where a crash may leave a sound end: after each transaction and after each event outside of them. */
function soundEnds({ events }: Scanned): number[] {
  return events
    .filter(({ grouped }) => grouped.kind === 'outside' || grouped.kind === 'last')
    .map(({ offset, header }) => offset + header.size);
}

const lastBefore = (ends: readonly number[], length: number): number =>
  ends.filter((end) => end <= length).at(-1) ?? Math.min(length, length < 4 ? 0 : 4);

for (const file of FILES) {
  const bytes = readFixture(file);
  const whole = scan(bytes);
  const ends = soundEnds(whole);

  test(`${file} cut anywhere ends after its last whole transaction`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const { end, transactions } = scan(bytes.subarray(0, length));
      assert.equal(end.offset, lastBefore(ends, length), `cut at ${length}`);
      assert.equal(
        end.torn === undefined,
        end.offset === length && length !== 0 ? true : length === 0,
        `cut at ${length}`,
      );
      assert.deepEqual(
        transactions,
        whole.transactions.filter((transaction) => transaction.end <= length),
      );
    }
  });
}

test('a tail of zeros that a crash left ends after the last whole transaction', () => {
  for (const file of ['transactions.000001', 'statements.000001', 'killed.000001']) {
    const bytes = readFixture(file);
    const ends = soundEnds(scan(bytes));
    for (let length = ends[0] ?? 0; length < bytes.length; length++) {
      // Zeros that were there anyway count as written.
      let written = length;
      while (bytes[written] === 0) written++;
      const { end } = scan(Buffer.concat([bytes.subarray(0, length), Buffer.alloc(70_000)]));
      const expected = lastBefore(ends, written);
      assert.deepEqual(end, { offset: expected, torn: 'zeros' }, `${file} zeros from ${length}`);
    }
  }
});

test('a wrong checksum is damage, at the end of the file too, unless nothing but zeros follows', () => {
  const bytes = Buffer.from(readFixture('killed.000001'));
  const last = scan(bytes).events.at(-1)!;
  for (const [at, value] of [
    [-1, bytes.at(-1)! ^ 1],
    [-1, 0],
    [-20, 0xff],
  ] as const) {
    const damaged = Buffer.from(bytes);
    damaged[bytes.length + at] = value;
    assert.throws(() => scan(damaged), {
      code: 'BINLOG_CORRUPT',
      details: { file: 'test', position: last.offset },
    });
    assert.throws(() => scan(Buffer.concat([damaged, Buffer.alloc(10), Buffer.from([1])])), {
      code: 'BINLOG_CORRUPT',
    });
  }
});

test('chunks of any size give the same events', () => {
  const bytes = readFixture('rows.000001');
  const whole = scan(bytes);
  assert.ok(whole.events.length > 20);
  for (const size of [1, 2, 3, 7, 18, 19, 20, 100, 4096, 65_536]) {
    const pieces = scan(bytes, size);
    assert.deepEqual(
      pieces.events.map(({ raw }) => raw),
      whole.events.map(({ raw }) => raw),
      `chunks of ${size}`,
    );
    assert.deepEqual(pieces.transactions, whole.transactions);
  }
});

test('what is not wanted of an event is checked but not kept', () => {
  const bytes = Buffer.from(readFixture('rows.000001'));
  for (const size of [10, 1000, bytes.length]) {
    const scanner = new EventScanner({ file: 'f', keep: () => 30 });
    const events = [...chunksOf(bytes, size)].flatMap((chunk) => [...scanner.push(chunk)]);
    assert.ok(size > 10 || events.every(({ raw, header }) => raw.length <= 30 || header.type === 15));
    assert.equal(scanner.end().offset, bytes.length);
  }
  const biggest = scan(bytes).events.reduce((one, other) =>
    one.header.size > other.header.size ? one : other,
  );
  bytes[biggest.offset + biggest.header.size - 100]! ^= 1;
  const scanner = new EventScanner({ file: 'f', keep: () => 30 });
  assert.throws(() => [...chunksOf(bytes, 50)].flatMap((chunk) => [...scanner.push(chunk)]), {
    code: 'BINLOG_CORRUPT',
    details: { file: 'f', position: biggest.offset },
  });
});

test('a growing file is followed by pushing on', () => {
  const bytes = readFixture('transactions.000001');
  const { transactions } = scan(bytes);
  const indexer = new FileIndexer({ file: 'test' });
  let seen = 0;
  for (const piece of chunksOf(bytes, 97)) {
    indexer.push(piece);
    seen += piece.length;
    assert.equal(indexer.finish().transactions.length, transactions.filter(({ end }) => end <= seen).length);
  }
  assert.deepEqual(indexer.finish().end, { offset: bytes.length });
});
