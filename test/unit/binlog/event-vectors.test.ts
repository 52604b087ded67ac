import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHeartbeatEvent, parsePreviousGtids } from '../../../src/core/binlog/control-events.ts';
import { EventType } from '../../../src/core/binlog/event-types.ts';
import { parseFormatDescription } from '../../../src/core/binlog/format-description.ts';
import { parseGtidEvent } from '../../../src/core/binlog/gtid-event.ts';
import { parseTableMap, type TableMap } from '../../../src/core/binlog/table-map.ts';
import { formatGtid } from '../../../src/core/gtid/gtid.ts';
import { readFixture, scan } from '../../support/binlog.ts';
import { readCorpusJson, withoutCorpus } from '../../support/corpus.ts';

interface Vector {
  readonly kind: string;
  readonly body_hex: string;
  readonly expected: unknown;
}

interface TableExpectation {
  readonly primary_key?: readonly number[] | null;
  readonly pk_prefix?: readonly number[] | null;
  readonly nullable?: readonly boolean[];
  readonly names?: readonly string[];
}

const vectors = (kind: string): Vector[] =>
  (readCorpusJson('values/events.json') as Vector[]).filter((vector) => vector.kind === kind);
const bytesOf = ({ body_hex: hex }: Vector): Buffer => Buffer.from(hex, 'hex');
const isRefused = ({ expected }: Vector): boolean =>
  typeof expected === 'string' && expected.startsWith('error');

const format = parseFormatDescription(scan(readFixture('killed.000001')).events[0]!.raw);

test('table maps of other projects are read as there', { skip: withoutCorpus }, () => {
  for (const vector of vectors('table_map')) {
    const { metadata, columns } = parseTableMap(bytesOf(vector), format);
    const expected = vector.expected as TableExpectation;
    const actual = {
      primary_key: metadata.primaryKey?.map(({ column }) => column) ?? null,
      pk_prefix: metadata.primaryKey?.map(({ prefix }) => prefix) ?? null,
      nullable: columns.map(({ nullable }) => nullable),
      names: metadata.names,
    };
    for (const [key, value] of Object.entries(expected)) {
      if (key in actual)
        assert.deepEqual(actual[key as keyof typeof actual], value, `${key} of ${vector.body_hex}`);
    }
  }
});

test('previous sets of other projects are read as there, or refused', { skip: withoutCorpus }, () => {
  for (const vector of vectors('previous_gtids')) {
    const read = () => parsePreviousGtids(bytesOf(vector)).toString();
    if (isRefused(vector)) assert.throws(read, { code: 'GTID_MALFORMED' });
    else assert.equal(read(), vector.expected);
  }
});

test('heartbeats of other projects are read as there, or refused', { skip: withoutCorpus }, () => {
  for (const vector of vectors('heartbeat')) {
    const read = () => parseHeartbeatEvent(EventType.HeartbeatV2, bytesOf(vector));
    if (isRefused(vector)) assert.throws(read, { code: 'BINLOG_CORRUPT' });
    else assert.deepEqual(read(), { file: 'binlog.000001', position: 158n });
  }
});

test('GTID events of other projects are read as there', { skip: withoutCorpus }, () => {
  for (const vector of vectors('gtid_event')) {
    const { gtid, sequenceNumber, lastCommitted } = parseGtidEvent(EventType.Gtid, bytesOf(vector));
    const expected = vector.expected as { gtid: string; sequence_number: number; last_committed: number };
    assert.deepEqual(
      [formatGtid(gtid!), Number(sequenceNumber), Number(lastCommitted)],
      [expected.gtid, expected.sequence_number, expected.last_committed],
    );
  }
});

test('a tagged GTID has all its fields', () => {
  const body = Buffer.from(
    '02780000000204c50261021e9903cd0322c5037d021804f103000000020404060a6d79746167' +
      '08b9080ac1080c7f091f9bc6e9600610bd041283120b',
    'hex',
  );
  const event = parseGtidEvent(EventType.GtidTagged, body);
  assert.equal(formatGtid(event.gtid!), '02b1980f-e6f3-11f1-9f0c-02fc00000001:mytag:1');
  assert.deepEqual(event.immediateServerVersion, 90704);
  assert.equal(event.originalCommitTimestamp, event.immediateCommitTimestamp);
});

test('a tagged GTID with a field that must be understood is refused', () => {
  const event = scan(readFixture('transactions.000001')).events.find(
    ({ header }) => header.type === EventType.GtidTagged,
  )!;
  const body = Buffer.from(event.body);
  body[2] = 13 << 1;
  assert.throws(() => parseGtidEvent(EventType.GtidTagged, body), { code: 'BINLOG_UNSUPPORTED' });
});

/** The table map of `fx.types`, which has a column of each type, in this file. */
function allTypes(file: string): TableMap {
  const { events, scanner } = scan(readFixture(file));
  const maps = events.filter(({ header }) => header.type === EventType.TableMap);
  return maps.map(({ body }) => parseTableMap(body, scanner.format!)).find(({ table }) => table === 'types')!;
}

test('full metadata says names, signs, character sets, members, key and visibility of each column', () => {
  const { schema, columns, metadata } = allTypes('rows.000001');
  assert.equal(schema, 'fx');
  const names = metadata.names!;
  assert.equal(names.length, columns.length);
  const of = <T>(list: readonly T[] | undefined, name: string): T | undefined => list?.[names.indexOf(name)];
  assert.deepEqual(
    ['c_tiny', 'c_utiny', 'c_ubig', 'c_decimal', 'c_udecimal', 'c_varchar'].map((name) =>
      of(metadata.unsigned, name),
    ),
    [false, true, true, false, true, undefined],
  );
  assert.deepEqual(
    ['c_latin1', 'c_gbk', 'c_utf16', 'c_binary', 'c_blob', 'c_text', 'c_enum', 'c_set', 'c_int'].map((name) =>
      of(metadata.collations, name),
    ),
    [8, 28, 54, 63, 63, 255, 255, 255, undefined],
  );
  assert.deepEqual(of(metadata.members, 'c_enum')?.map(String), ['a', 'b', "it's"]);
  assert.deepEqual(of(metadata.members, 'c_set')?.map(String), ['x', 'y', 'z']);
  assert.deepEqual([of(metadata.geometryTypes, 'c_geometry'), of(metadata.geometryTypes, 'c_point')], [0, 1]);
  assert.equal(of(metadata.vectorDimensions, 'c_vector'), 4);
  assert.deepEqual(metadata.primaryKey, [{ column: 0, prefix: 0 }]);
  assert.deepEqual([of(metadata.visible, 'c_int'), of(metadata.visible, 'c_hidden')], [true, false]);
  assert.deepEqual([columns[0]!.nullable, columns[1]!.nullable], [false, true]);
});

test('minimal metadata says signs, character sets and what a value needs', () => {
  const { metadata } = allTypes('rows.000002');
  assert.deepEqual(Object.keys(metadata).sort(), [
    'collations',
    'geometryTypes',
    'unsigned',
    'vectorDimensions',
  ]);
});
