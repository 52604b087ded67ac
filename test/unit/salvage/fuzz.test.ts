import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { loadZstd } from '../../../src/adapters/system/zstd.ts';
import { BinlogReader } from '../../../src/core/binlog/binlog-reader.ts';
import { EventType, isRowsEventType } from '../../../src/core/binlog/event-types.ts';
import type { FormatDescription } from '../../../src/core/binlog/format-description.ts';
import { countRows, parseRows, rowChanges } from '../../../src/core/binlog/rows.ts';
import { rowsPrinter, writeRowsText } from '../../../src/core/binlog/rows-text.ts';
import { TextBuffer } from '../../../src/core/binlog/text.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import { invertRows } from '../../../src/core/salvage/inverse-rows.ts';
import { forwardChange, inverseChange, writeChange } from '../../../src/core/salvage/sql-change.ts';
import { sqlTable } from '../../../src/core/salvage/sql-table.ts';
import { TableCatalog } from '../../../src/core/salvage/table-catalog.ts';
import { corpusFiles } from '../../support/corpus-files.ts';
import { readCorpus, withoutCorpus } from '../../support/corpus.ts';
import { Random } from '../../support/random.ts';

const rounds = Number(process.env['DCMHA_FUZZ_ROUNDS'] ?? 20_000);

interface Sample {
  readonly type: number;
  readonly map: Buffer;
  readonly rows: Buffer;
  readonly format: FormatDescription;
}

/** Rows events with their table maps; small ones, since what they are made of repeats. */
async function collectSamples(): Promise<readonly Sample[]> {
  const decompress = await loadZstd();
  const samples = new Map<string, Sample>();
  for (const file of corpusFiles()) {
    const maps = new Map<number, Buffer>();
    try {
      for (const { event, format } of new BinlogReader({ file, decompress }).push(readCorpus(file))) {
        const { type } = event.header;
        if (type === EventType.TableMap) maps.set(event.body.readUIntLE(0, 6), Buffer.from(event.body));
        if (!isRowsEventType(type) || event.body.length > 2000) continue;
        const map = maps.get(event.body.readUIntLE(0, 6));
        // One a table and kind is enough.
        if (map !== undefined)
          samples.set(`${type} ${map.toString('hex', 8)}`, {
            type,
            map,
            rows: Buffer.from(event.body),
            format,
          });
      }
    } catch (error) {
      assert.ok(hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED'));
    }
  }
  return [...samples.values()];
}

function mutate(random: Random, bytes: Buffer): Buffer {
  const mutated = Buffer.from(bytes);
  for (let n = random.int(1, 4); n > 0; n--) {
    const at = random.int(0, mutated.length - 1);
    mutated[at] = random.pick([random.int(0, 255), 0, 0xff, (mutated[at] ?? 0) ^ (1 << random.int(0, 7))]);
  }
  return random.chance(0.2) ? mutated.subarray(0, random.int(0, mutated.length)) : mutated;
}

/** Everything that is done with rows. */
function use({ type, map, rows: body, format }: Sample): void {
  const table = new TableCatalog().intern(map, format);
  const rows = parseRows({ type }, body, format);
  countRows(rows, table.format);
  const out = new TextBuffer();
  const named = sqlTable(table, undefined);
  for (const change of rowChanges(rows, table.format)) {
    writeChange({ out, table: named, body, match: 'key' }, forwardChange(change));
    writeChange({ out, table: named, body, match: 'row' }, inverseChange(change));
  }
  writeRowsText(out, rowsPrinter(table.format), rows);
  const place = { offset: 4, size: body.length, index: 0 };
  const { kind, flags } = rows;
  invertRows({ place, format, type, kind, flags, table, rows: 1, statement: 0 }, body);
}

describe('damaged rows', { skip: withoutCorpus }, () => {
  test(`${rounds} mutations of rows events and table maps give a coded error or some text, never anything else`, async (context) => {
    const samples = await collectSamples();
    assert.ok(samples.length > 300, `${samples.length} samples`);
    const random = new Random(20_24);
    let refused = 0;
    let slowestMs = 0;
    for (let round = 0; round < rounds; round++) {
      const sample = random.pick(samples);
      const inMap = random.chance(0.3);
      const damaged = {
        ...sample,
        map: inMap ? mutate(random, sample.map) : sample.map,
        rows: inMap ? sample.rows : mutate(random, sample.rows),
      };
      const started = performance.now();
      try {
        use(damaged);
      } catch (error) {
        const isCoded = hasCode(error, 'BINLOG_CORRUPT', 'BINLOG_UNSUPPORTED');
        assert.ok(
          isCoded,
          `${String(error)} for ${JSON.stringify({ ...damaged, map: damaged.map.toString('hex'), rows: damaged.rows.toString('hex') })} ${error instanceof Error ? error.stack : ''}`,
        );
        refused++;
      }
      slowestMs = Math.max(slowestMs, performance.now() - started);
    }
    context.diagnostic(
      `${samples.length} samples, ${refused} of ${rounds} refused, slowest ${slowestMs.toFixed(0)} ms`,
    );
    assert.ok(slowestMs < 2000);
  });
});
