import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { surveyErrant } from '../../../src/core/rejoin/survey-errant.ts';
import { EventReader } from '../../../src/core/salvage/read-places.ts';
import type { BinlogSource } from '../../../src/ports/binlog-source.ts';
import { decompress } from '../../support/binlog.ts';
import { makeBinlog } from '../../support/made-binlog.ts';
import { memoryFiles } from '../../support/memory-binlog.ts';

const gtids = parseGtidSet('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6000');

/** How often a file is read. */
function counted(source: BinlogSource) {
  const reads = { count: 0 };
  const open: BinlogSource['open'] = async (name) => {
    const file = await source.open(name);
    return {
      name,
      sizeBytes: () => file.sizeBytes(),
      read: (...args) => {
        reads.count += 1;
        return file.read(...args);
      },
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  };
  return { source: { list: () => source.list(), open }, reads };
}

for (const [name, inOrder] of [
  ['backwards', <T>(items: readonly T[]) => items.toReversed()],
  ['forwards', <T>(items: readonly T[]) => items],
  ['anyhow', <T>(items: readonly T[]) => [...items.filter((_, i) => i % 2 === 0), ...items.slice(0, 9)]],
] as const) {
  test(`small events are read ${name}, many at a time, each with its own bytes`, async () => {
    const bytes = makeBinlog(1, gtids);
    const { source, reads } = counted(memoryFiles({ b: bytes }, 65_536));
    const { surveys } = await surveyErrant(source, gtids, decompress);
    assert.equal(surveys.length, 6000);
    reads.count = 0;
    await using reader = new EventReader(source, decompress);
    for (const survey of inOrder(surveys)) {
      const [statement] = survey.statements;
      assert.ok(statement !== undefined);
      const { offset, size } = statement.place;
      assert.ok(
        (await reader.read(survey, statement)).equals(bytes.subarray(offset + 19, offset + size - 4)),
      );
    }
    assert.ok(reads.count <= 6, `${reads.count} reads of ${bytes.length} bytes`);
  });
}
