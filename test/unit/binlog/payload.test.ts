import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { EventType, eventTypeName } from '../../../src/core/binlog/event-types.ts';
import type { BinlogEvent } from '../../../src/core/binlog/event.ts';
import {
  parsePayloadHead,
  unpackPayload,
  type Decompress,
  type Unpacking,
} from '../../../src/core/binlog/payload.ts';
import { decompress, readFixture, scan } from '../../support/binlog.ts';
import { Random } from '../../support/random.ts';

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

/** An unpacking that is what `change` makes of a right one. */
function wrapped(change: (right: Unpacking) => Partial<Unpacking>): Decompress {
  return (sizes) => {
    const right = decompress(sizes);
    return {
      push: (packed) => right.push(packed),
      end: () => right.end(),
      [Symbol.dispose]: () => right[Symbol.dispose](),
      ...change(right),
    };
  };
}

function packedOf({ body }: BinlogEvent): Buffer {
  const { dataAt, packedBytes } = parsePayloadHead(body);
  return body.subarray(dataAt, dataAt + packedBytes);
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
  const head = parsePayloadHead(event.body);
  const { sizeBytes } = head;
  using unpacking = decompress(head);
  const pieces = [...unpacking.push(packedOf(event)), ...unpacking.end()];
  assert.ok(pieces.length > 100 && sizeBytes > 20e6, `${pieces.length} pieces of ${sizeBytes} bytes`);
  assert.equal(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
    sizeBytes,
  );
});

test('a payload that unpacks to more or less than it says is damaged', () => {
  const { names } = payloadOf('transactions.000001');
  for (const change of [-1, 1]) {
    const wrong = wrapped((right) => ({
      end: () => {
        const bytes = Buffer.concat([...right.end()]);
        return [change < 0 ? bytes.subarray(0, -1) : Buffer.concat([bytes, Buffer.alloc(1)])];
      },
    }));
    assert.throws(() => names(wrong), { code: 'BINLOG_CORRUPT' });
  }
});

test('a damaged stream is refused, big or small, and never hangs', () => {
  for (const file of ['transactions.000001', 'packed.000001']) {
    const { event, names } = payloadOf(file);
    const packed = packedOf(event);
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
    const cut = wrapped((right) => ({ push: (bytes) => right.push(bytes.subarray(0, bytes.length >> 1)) }));
    assert.throws(() => names(cut), { code: 'BINLOG_CORRUPT' }, `${file} cut`);
  }
});

test('a compression that is not known is refused', () => {
  const body = Buffer.from([2, 1, 7, 1, 1, 0, 0]);
  assert.throws(() => parsePayloadHead(body), { code: 'BINLOG_UNSUPPORTED' });
});

/** A zstd frame of blocks that are stored as they are, or one byte so many times, as its format has it. */
function frameOf(blocks: number): { readonly packed: Buffer; readonly unpacked: Buffer } {
  const random = new Random(3);
  const packed = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 11 << 3])];
  const unpacked: Buffer[] = [];
  for (let n = 1; n <= blocks; n++) {
    const size = random.pick([MOST, MOST, random.int(1, 200), random.int(1, MOST)]);
    const isRun = random.chance(0.5);
    const data = isRun ? Buffer.from([n & 255]) : randomBytes(size);
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (isRun ? 2 : 0) | (n === blocks ? 1 : 0), 0, 3);
    packed.push(header, data);
    unpacked.push(isRun ? Buffer.alloc(size, data) : data);
  }
  return { packed: Buffer.concat(packed), unpacked: Buffer.concat(unpacked) };
}

const MOST = 128 * 1024;

test('it does not matter in what pieces a big payload comes', () => {
  const { packed, unpacked } = frameOf(700);
  const sizes = { packedBytes: packed.length, sizeBytes: unpacked.length };
  const unpack = (sizeOf: (n: number) => number): Buffer => {
    const pieces: Uint8Array[] = [];
    using unpacking = decompress(sizes);
    for (let at = 0, n = 0; at < packed.length; n++) {
      const piece = packed.subarray(at, at + sizeOf(n));
      pieces.push(...unpacking.push(piece));
      at += piece.length;
    }
    return Buffer.concat([...pieces, ...unpacking.end()]);
  };
  for (const size of [1009, 4096, MOST - 1, MOST, MOST + 65, 1024 * 1024, packed.length])
    assert.ok(unpack(() => size).equals(unpacked), `pieces of ${size} bytes`);
  assert.ok(unpack((n) => 1 + ((n * 7919) % 400_003)).equals(unpacked));
});

test('one of many that are given up half way takes no memory with it', () => {
  const { event } = payloadOf('packed.000001');
  // Far enough for the decoder's window to be full.
  const begin = (): void => {
    let left = 32;
    using unpacking = decompress(parsePayloadHead(event.body));
    assert.deepEqual([...unpacking.push(packedOf(event))], []);
    for (const unpacked of unpacking.end()) {
      if (unpacked.length > 0) left--;
      if (left === 0) break;
    }
  };
  begin();
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 80; n++) begin();
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < 60e6, `${grown} bytes more`);
});
