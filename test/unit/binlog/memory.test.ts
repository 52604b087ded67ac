import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BinlogReader } from '../../../src/core/binlog/binlog-reader.ts';
import { writeChecksum } from '../../../src/core/binlog/checksum.ts';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import { FileIndexer } from '../../../src/core/binlog/transaction-index.ts';
import { decompress, readFixture, scan } from '../../support/binlog.ts';

const GIBIBYTE = 2 ** 30;
const MEBIBYTE = 2 ** 20;
const events = scan(readFixture('killed.000001')).events;

const rawOf = (type: number): Buffer => events.find(({ header }) => header.type === type)!.raw;

/** An event of this size and type; its body means nothing. */
function filler(type: number, size: number): Buffer {
  const event = Buffer.alloc(size, 0x5a);
  rawOf(type).copy(event, 0, 0, 19);
  event.writeUInt32LE(size, 9);
  writeChecksum(event);
  return event;
}

/** A GTID event that does not tell the length of its transaction. */
function begin(): Buffer {
  const anonymous = Buffer.alloc(19 + 42 + 4);
  rawOf(EventType.Gtid).copy(anonymous, 0, 0, 19);
  anonymous[4] = EventType.AnonymousGtid;
  anonymous.writeUInt32LE(anonymous.length, 9);
  writeChecksum(anonymous);
  const query = events.find(({ raw }) => raw.includes('BEGIN'))!.raw;
  return Buffer.concat([readFixture('killed.000001').subarray(0, events[1]!.offset), anonymous, query]);
}

/** What the process holds more than before; garbage that was not collected yet counts, too. */
function growth(run: () => void): number {
  const before = process.memoryUsage().rss;
  run();
  return process.memoryUsage().rss - before;
}

test('a transaction of a gibibyte passes through index and reader in little memory', () => {
  const xid = rawOf(EventType.Xid);
  const indexer = new FileIndexer({ file: 'huge' });
  const reader = new BinlogReader({ file: 'huge', decompress });
  let seen = 0;
  const grown = growth(() => {
    const start = begin();
    indexer.push(start);
    seen += [...reader.push(start)].length;
    for (let pushed = 0; pushed < GIBIBYTE; pushed += MEBIBYTE) {
      const chunk = Buffer.concat(Array.from({ length: 128 }, () => filler(EventType.WriteRows, 8192)));
      indexer.push(chunk);
      for (const { event } of reader.push(chunk)) seen += event.body.length > 0 ? 1 : 0;
    }
    indexer.push(xid);
    seen += [...reader.push(xid)].length;
  });
  const [transaction] = indexer.finish().transactions;
  assert.equal(transaction?.events, 3 + (GIBIBYTE / MEBIBYTE) * 128);
  assert.equal(seen, transaction.events + 1);
  assert.ok(grown < 100e6, `${grown} bytes more`);
});

test('an event of a gibibyte is indexed in little memory', () => {
  const indexer = new FileIndexer({ file: 'huge' });
  const header = Buffer.from(filler(EventType.WriteRows, 1000).subarray(0, 19));
  header.writeUInt32LE(GIBIBYTE, 9);
  const grown = growth(() => {
    indexer.push(begin());
    indexer.push(header);
    const chunk = Buffer.alloc(MEBIBYTE, 7);
    for (let left = GIBIBYTE - 19; left > MEBIBYTE; left -= MEBIBYTE) indexer.push(chunk);
  });
  assert.ok(grown < 50e6, `${grown} bytes more`);
  // It has not ended, and its header does not say the end that its size gives.
  assert.throws(() => indexer.finish(), { code: 'BINLOG_CORRUPT' });
});
