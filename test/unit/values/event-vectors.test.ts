import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { z } from 'zod';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import type { FormatDescription } from '../../../src/core/binlog/format-description.ts';
import { rowFormat } from '../../../src/core/binlog/row-format.ts';
import { parseRows } from '../../../src/core/binlog/rows.ts';
import { rowsPrinter, writeRowsText } from '../../../src/core/binlog/rows-text.ts';
import { parseTableMap } from '../../../src/core/binlog/table-map.ts';
import { TextBuffer } from '../../../src/core/binlog/text.ts';
import { readCorpusJson, withoutCorpus } from '../../support/corpus.ts';

const vector = z.looseObject({
  source: z.string(),
  table_map_body_hex: z.string().optional(),
  rows_body_hex: z.union([z.string(), z.array(z.string())]).optional(),
});

const format: FormatDescription = {
  serverVersion: '8.0.36',
  serverVersionNumber: 80036,
  createdAt: 0,
  checksum: 'none',
  inUse: false,
  isRelayLog: false,
  postHeaderLengths: Buffer.alloc(42, 8),
};

/** What an event prints; without its headings. */
function print(mapHex: string, rowsHex: string, type: number): string[] {
  const table = parseTableMap(Buffer.from(mapHex, 'hex'), format);
  const out = new TextBuffer();
  writeRowsText(out, rowsPrinter(rowFormat(table)), parseRows({ type }, Buffer.from(rowsHex, 'hex'), format));
  return out
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('###   @'))
    .map((line) => line.slice(6));
}

describe('rows events of other projects', { skip: withoutCorpus }, () => {
  const vectors = withoutCorpus === false ? z.array(vector).parse(readCorpusJson('values/events.json')) : [];

  function of(name: string): { map: string; rows: readonly string[] } {
    const found = vectors.find((entry) => entry.source.includes(name) && entry.rows_body_hex !== undefined);
    const rows = found?.rows_body_hex ?? [];
    return { map: found?.table_map_body_hex ?? '', rows: typeof rows === 'string' ? [rows] : rows };
  }

  test('a last row may end exactly at a NULL', () => {
    const { map, rows } = of('TestLastNull');
    assert.deepEqual(
      rows.map((hex) => print(map, hex, EventType.WriteRows)),
      [
        ['@1=1', '@1=NULL', '@1=2'],
        ['@1=1', '@1=2', '@1=NULL'],
      ],
    );
  });

  test('an ENUM of more than 255 members has numbers of two bytes', () => {
    const { map, rows } = of('TestMultiBytesEnum');
    assert.deepEqual(print(map, rows[0] ?? '', EventType.WriteRows), ['@1=1', '@2=1', '@1=2', '@2=257']);
  });

  test('JSON documents', () => {
    const { map, rows } = of('TestParseJson');
    assert.deepEqual(
      rows.map((hex) => print(map, hex, EventType.WriteRows)),
      [
        ['@1=NULL', '@2=1'],
        [`@1='{"key1": "value1", "key2": "value2"}'`, '@2=1'],
      ],
    );
  });

  test('a before image that old servers damaged does not hide the after image', () => {
    const { map, rows } = of('TestJsonCompatibility');
    const printed = rows.map((hex, i) =>
      print(map, hex, i === 0 ? EventType.WriteRows : EventType.UpdateRows),
    );
    assert.deepEqual(printed[3]?.slice(-4), ['@1=1', `@2='{"a":1234}'`, `@3='{"a": 1234}'`, '@4=NULL']);
    assert.deepEqual(printed[4]?.slice(-2), ["@3='{}'", '@4=NULL']);
    assert.equal(printed[3][2], '@3=Invalid JSON');
  });

  test('partition numbers in front of the rows', () => {
    const { map, rows } = of('TestRowsDataExtraData');
    assert.deepEqual(print(map, rows[0] ?? '', EventType.WriteRows), ['@1=3']);
  });
});
