import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventType, eventTypeName } from '../../../src/core/binlog/event-types.ts';
import type { BinlogEvent } from '../../../src/core/binlog/event.ts';
import { parseTransactionPayload, unpackPayload, type Decompress } from '../../../src/core/binlog/payload.ts';
import { decompress, readFixture, scan } from '../../support/binlog.ts';

function payloadOf(file: string): {
  readonly event: BinlogEvent;
  readonly names: (decompress: Decompress) => string[];
} {
  const { events, scanner } = scan(readFixture(file));
  const event = events.find(({ header }) => header.type === EventType.TransactionPayload)!;
  const options = { file, format: scanner.format! };
  const names = (chosen: Decompress) =>
    [...unpackPayload(event, { ...options, decompress: chosen })].map(({ header }) =>
      eventTypeName(header.type),
    );
  return { event, names };
}

test('a small payload is unpacked at once, a big one in pieces', () => {
  assert.deepEqual(payloadOf('transactions.000001').names(decompress), [
    'Query',
    'TableMap',
    'WriteRows',
    'Xid',
  ]);
  const { event, names } = payloadOf('packed.000001');
  assert.deepEqual(names(decompress).slice(0, 2), ['Query', 'TableMap']);
  const { packed, sizeBytes } = parseTransactionPayload(event.body);
  const pieces = [...decompress(packed, sizeBytes)];
  assert.ok(pieces.length > 100 && sizeBytes > 20e6, `${pieces.length} pieces of ${sizeBytes} bytes`);
  assert.equal(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
    sizeBytes,
  );
});

test('a payload that unpacks to more or less than it says is damaged', () => {
  const { names } = payloadOf('transactions.000001');
  for (const change of [-1, 1]) {
    const wrong: Decompress = (packed, size) => {
      const bytes = Buffer.concat([...decompress(packed, size)]);
      return [change < 0 ? bytes.subarray(0, -1) : Buffer.concat([bytes, Buffer.alloc(1)])];
    };
    assert.throws(() => names(wrong), { code: 'BINLOG_CORRUPT' });
  }
});

test('a damaged stream is refused, big or small, and never hangs', () => {
  for (const file of ['transactions.000001', 'packed.000001']) {
    const { event, names } = payloadOf(file);
    const { packed } = parseTransactionPayload(event.body);
    for (const at of [0, 3, 5, 9, 20, packed.length >> 1]) {
      const original = packed[at]!;
      packed[at] = original ^ 0x55;
      try {
        // A flip in literal bytes unpacks to other bytes of the same size; without a checksum nobody can tell.
        names(decompress);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'BINLOG_CORRUPT', `${file} at ${at}`);
      }
      packed[at] = original;
    }
    const cut: Decompress = (bytes, size) => decompress(bytes.subarray(0, bytes.length >> 1), size);
    assert.throws(() => names(cut), { code: 'BINLOG_CORRUPT' }, `${file} cut`);
  }
});

test('a compression that is not known is refused', () => {
  const body = Buffer.from([2, 1, 7, 1, 1, 0, 0]);
  assert.throws(() => parseTransactionPayload(body), { code: 'BINLOG_UNSUPPORTED' });
});
