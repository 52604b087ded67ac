import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadZstd } from '../../../src/adapters/system/zstd.ts';
import { BinlogReader } from '../../../src/core/binlog/binlog-reader.ts';
import { writeChecksum } from '../../../src/core/binlog/checksum.ts';
import {
  parseHeartbeatEvent,
  parseIncidentEvent,
  parseRotateEvent,
  parseRowsQueryEvent,
  parseXidEvent,
} from '../../../src/core/binlog/control-events.ts';
import type { BinlogEvent } from '../../../src/core/binlog/event.ts';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import { parseQueryEvent, parseStatusVariables } from '../../../src/core/binlog/query-event.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { Surveyor } from '../../../src/core/salvage/survey.ts';
import { readFixture, scan } from '../../support/binlog.ts';

const decompress = await loadZstd();
const MUTATIONS = Number(process.env['DCMHA_FUZZ'] ?? 200_000);
const FILES = ['rows.000001', 'rows.000002', 'transactions.000001', 'statements.000001', 'nochecksum.000001'];

/** Repeatable randomness (mulberry32): a failure can be had again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];

/** Changes a few bytes behind the size field, or cuts the event short, and makes size and checksum right again. */
function mutate(raw: Buffer, below: (limit: number) => number, hasChecksum: boolean): Buffer {
  const trailing = hasChecksum ? 4 : 0;
  const cut = below(4) === 0 ? below(raw.length - 19 - trailing + 1) : 0;
  const event = Buffer.from(raw.subarray(0, raw.length - cut));
  for (let n = below(4); n >= 0; n--) {
    // The type byte rarely, the body mostly.
    const at = below(50) === 0 ? 4 : 19 + below(Math.max(1, event.length - 19));
    event[at] = below(2) === 0 ? below(256) : INTERESTING[below(INTERESTING.length)]!;
  }
  event.writeUInt32LE(event.length, 9);
  if (hasChecksum) writeChecksum(event);
  return event;
}

const ALSO: ReadonlyMap<number, (event: BinlogEvent) => unknown> = new Map<
  number,
  (event: BinlogEvent) => unknown
>([
  [EventType.Query, ({ body }) => parseStatusVariables(parseQueryEvent(body).statusVariables)],
  [EventType.Xid, ({ body }) => parseXidEvent(body)],
  [EventType.Rotate, ({ body }) => parseRotateEvent(body)],
  [EventType.Incident, ({ body }) => parseIncidentEvent(body)],
  [EventType.RowsQuery, ({ body }) => parseRowsQueryEvent(body)],
  [EventType.Heartbeat, ({ header, body }) => parseHeartbeatEvent(header.type, body)],
  [EventType.HeartbeatV2, ({ header, body }) => parseHeartbeatEvent(header.type, body)],
]);

function decode(chunk: Buffer): void {
  const reader = new BinlogReader({ file: 'fuzz', decompress });
  const surveyor = new Surveyor();
  for (const read of reader.push(chunk)) {
    ALSO.get(read.event.header.type)?.(read.event);
    surveyor.accept(read);
  }
  reader.end();
}

const expected = (error: unknown): boolean => hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED');

test(`${MUTATIONS} changed events are read or refused with a code`, () => {
  const below = random(20261123);
  const files = FILES.map((file) => {
    const bytes = readFixture(file);
    const { events, scanner } = scan(bytes);
    return {
      file,
      events,
      start: bytes.subarray(0, events[1]!.offset),
      hasChecksum: scanner.format!.checksum === 'crc32',
    };
  });
  let refused = 0;
  for (let n = 0; n < MUTATIONS; n++) {
    const { events, start, hasChecksum } = files[below(files.length)]!;
    const at = 1 + below(events.length - 1);
    // What comes before gives rows their table map, and the transaction its beginning.
    const first = Math.max(1, at - 2);
    const before = events.slice(first, at).map(({ raw }) => raw);
    const changed = mutate(events[at]!.raw, below, hasChecksum);
    try {
      decode(Buffer.concat([start, ...before, changed]));
    } catch (error) {
      if (!expected(error)) throw error;
      refused++;
    }
  }
  assert.ok(refused > MUTATIONS / 10, `${refused} refused`);
  assert.ok(process.memoryUsage().rss < 300e6, `${process.memoryUsage().rss} bytes resident`);
});

test('flipped bits of a file never show a transaction that is not in it', () => {
  const below = random(7);
  let refused = 0;
  for (const file of ['transactions.000001', 'rows.000002', 'statements.000001', 'killed.000001']) {
    const bytes = readFixture(file);
    const whole = scan(bytes);
    const known = new Map(whole.transactions.map((transaction) => [transaction.start, transaction]));
    for (let n = 0; n < 3000; n++) {
      const damaged = Buffer.from(bytes);
      // Not the format description: its fields that do not matter here have a checksum, too, and are tried above.
      const at = 4 + below(bytes.length - 4);
      damaged[at]! ^= 1 << below(8);
      try {
        const chunkSize = [undefined, 64, 1000][below(3)];
        const { transactions, end } = scan(damaged, chunkSize);
        for (const transaction of transactions) assert.deepEqual(transaction, known.get(transaction.start));
        const isFlag = at === 4 + 17;
        assert.ok(isFlag || end.torn !== undefined, `${file}: the flip at ${at} was not seen`);
        if (!isFlag) assert.ok(end.offset <= at, `${file}: the flip at ${at} is in the sound part`);
      } catch (error) {
        if (!expected(error)) throw error;
        refused++;
      }
    }
  }
  assert.ok(refused > 11_000, `${refused} of 12000 refused`);
});
