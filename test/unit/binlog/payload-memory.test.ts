import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { openBinlogFile } from '../../../src/adapters/fs/binlog-files.ts';
import { BinlogReader } from '../../../src/core/binlog/binlog-reader.ts';
import { readEvents } from '../../../src/core/binlog/read-events.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { decompress } from '../../support/binlog.ts';
import { eventsOf, writeHugePayload } from '../../support/huge-payload.ts';

// A gibibyte less a little: no packet of replication is bigger.
const BLOCKS = 8191;

test('a compressed transaction of a gibibyte, packed as unpacked, streams in less than 200 MB', async (context) => {
  const dir = makeScratch();
  try {
    const name = path.join(dir, 'huge.000001');
    await writeHugePayload(name, BLOCKS);
    await using file = await openBinlogFile(name);
    const reader = new BinlogReader({ file: 'huge', decompress });
    let inside = 0;
    let transactions = 0;
    let most = 0;
    for await (const { grouped } of readEvents(file, reader)) {
      if (grouped.kind === 'inside') inside++;
      if (grouped.kind === 'last') transactions++;
      if (inside % 512 === 0) most = Math.max(most, process.memoryUsage.rss());
    }
    assert.deepEqual(reader.end().torn, undefined);
    assert.deepEqual([inside, transactions], [eventsOf(BLOCKS), 1]);
    context.diagnostic(`${Math.round(most / 1e6)} MB resident at most`);
    assert.ok(most < 200e6, `${most} bytes resident`);
  } finally {
    await rm(dir, { recursive: true });
  }
});
