import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadEvent } from '../../../src/core/binlog/binlog-reader.ts';
import type { BinlogEvent } from '../../../src/core/binlog/event.ts';
import { EventType, eventTypeName, isGtidEventType } from '../../../src/core/binlog/event-types.ts';
import { parseGtidEvent, type GtidEvent } from '../../../src/core/binlog/gtid-event.ts';
import { parseQueryEvent, parseStatusVariables } from '../../../src/core/binlog/query-event.ts';
import { parseTableMap } from '../../../src/core/binlog/table-map.ts';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { formatGtid } from '../../../src/core/gtid/gtid.ts';
import { readAll, scan } from '../../support/binlog.ts';
import { readCorpus, readCorpusJson, withoutCorpus } from '../../support/corpus.ts';

interface ManifestEntry {
  readonly file: string;
  readonly exp: string;
  readonly ver: string | null;
}

const files = (): ManifestEntry[] => readCorpusJson('manifest.json') as ManifestEntry[];

/** Files of MySQL's tests that are broken on purpose; mysqld refuses them at recovery, mysqlbinlog looks less closely. */
const REFUSED: Readonly<Record<string, { readonly code: string; readonly position: number }>> = {
  'real/8.0/049fdbf9-orphan_xa_prepare.000001': { code: 'BINLOG_CORRUPT', position: 236 },
  'real/8.0/2d0c80ab-orphan_begin_start.000001': { code: 'BINLOG_CORRUPT', position: 487 },
  'real/8.0/77aa0612-orphan_xa_commit.000001': { code: 'BINLOG_CORRUPT', position: 775 },
  'real/8.0/9d85aced-orphan_rollback.000001': { code: 'BINLOG_CORRUPT', position: 589 },
  'real/8.0/a44f0cc7-orphan_commit.000001': { code: 'BINLOG_CORRUPT', position: 431 },
  // These two have checksums that were not made right again after editing.
  'real/8.0/bbd41d8d-malformed_xid_xa_commit.000001': { code: 'BINLOG_CORRUPT', position: 889 },
  'real/8.0/d0cae2b7-duplicate_xid.000001': { code: 'BINLOG_CORRUPT', position: 672 },
  'real/damaged/8e145474-rpl_nogtid_encryption_master-bin.000002': {
    code: 'BINLOG_UNSUPPORTED',
    position: 0,
  },
  'real/mariadb/1f65aedd-master-bin-seq_10.3.36.000001': { code: 'BINLOG_UNSUPPORTED', position: 4 },
};

test('files that nobody should trust are refused, with the place', { skip: withoutCorpus }, () => {
  for (const [file, { code, position }] of Object.entries(REFUSED)) {
    assert.throws(
      () => scan(readCorpus(file)),
      (error: { code?: string; details?: { position?: number } }) =>
        error.code === code && error.details?.position === position,
      file,
    );
  }
});

test('a file cut in the middle of its format description has no events', { skip: withoutCorpus }, () => {
  const { events, end } = scan(readCorpus('real/damaged/2a9e3b2f-binlog_truncated_event.000001'));
  assert.deepEqual([events.length, end], [0, { offset: 4, torn: 'incomplete' }]);
});

const PLACE = /^# at (\d+)$/gm;
const HEADER = /^#\d{6} +[\d:]+ server id \d+ {2}end_log_pos \d+ (?:CRC32 0x[0-9a-f]+ )?(\t.*)$/gm;
const PRINTED_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^\tStart: binlog/, 'FormatDescription'],
  [/^\tQuery/, 'Query'],
  [/^\tStop/, 'Stop'],
  [/^\tRotate to/, 'Rotate'],
  [/^\tXid = /, 'Xid'],
  [/^\tTable_map: /, 'TableMap'],
  [/^\tWrite_rows/, 'WriteRows'],
  [/^\tUpdate_rows_partial/, 'PartialUpdateRows'],
  [/^\tUpdate_rows/, 'UpdateRows'],
  [/^\tDelete_rows/, 'DeleteRows'],
  [/^\tGTID/, 'Gtid'],
  [/^\tAnonymous_GTID/, 'AnonymousGtid'],
  [/^\tPrevious-GTIDs/, 'PreviousGtids'],
  [/^\tXA PREPARE/, 'XaPrepare'],
  [/^\tTransaction_Payload/, 'TransactionPayload'],
  [/^\tExecute_load_query/, 'ExecuteLoadQuery'],
];

/** Types that mysqlbinlog prints without their name, not at all, or (variables) when the statement comes that needs them. */
const UNPRINTED: ReadonlySet<number> = new Set([
  EventType.RowsQuery,
  EventType.Incident,
  EventType.BeginLoadQuery,
  EventType.AppendBlock,
  EventType.IntVar,
  EventType.Rand,
  EventType.UserVar,
]);

function printedNames(text: string): string[] {
  return [...text.matchAll(HEADER)].flatMap(
    ([, rest = '']) => PRINTED_NAMES.find(([name]) => name.test(rest))?.[1] ?? [],
  );
}

function namesOf(events: readonly ReadEvent[]): string[] {
  return inPrintedOrder(events)
    .filter(({ header: { type } }) => !UNPRINTED.has(type))
    .map(({ header: { type } }) => (type === EventType.GtidTagged ? 'Gtid' : eventTypeName(type)));
}

function payloadsOf(events: readonly ReadEvent[]): ReadonlyMap<number, BinlogEvent> {
  return new Map(
    events
      .filter(({ event }) => event.header.type === EventType.TransactionPayload)
      .map(({ event }) => [event.offset, event] as const),
  );
}

/** mysqlbinlog gives events inside a payload the payload's end as their place. */
function placesOf(events: readonly ReadEvent[]): number[] {
  const payloads = payloadsOf(events);
  return inPrintedOrder(events).map((event) => {
    const payload = payloads.get(event.offset);
    return payload === undefined || payload === event ? event.offset : event.offset + payload.header.size;
  });
}

/** The payload event comes before what was in it there, after it here. */
function inPrintedOrder(events: readonly ReadEvent[]): BinlogEvent[] {
  const payloads = payloadsOf(events);
  const ordered: BinlogEvent[] = [];
  for (const { event } of events) {
    const payload = payloads.get(event.offset);
    if (payload !== undefined && ordered.at(-1)?.offset !== event.offset) ordered.push(payload);
    if (event !== payload) ordered.push(event);
  }
  return ordered;
}

const readable = (): ManifestEntry[] =>
  files().filter(({ file, exp }) => REFUSED[file] === undefined && exp === 'mysqlbinlog 9.7.4 rc=0');

const expectedText = (file: string): string =>
  readCorpus(`expected/${file.replace(/\.gz$/, '')}.txt.gz`).toString('latin1');

test('events, their places and types are those that mysqlbinlog prints', { skip: withoutCorpus }, () => {
  let compared = 0;
  for (const { file } of readable()) {
    const text = expectedText(file);
    const events = readAll(readCorpus(file), file);
    assert.deepEqual(
      placesOf(events),
      [...text.matchAll(PLACE)].map(([, at]) => Number(at)),
      file,
    );
    assert.deepEqual(namesOf(events), printedNames(text), file);
    compared += events.length;
  }
  assert.ok(compared > 40_000, `${compared} events compared`);
});

const commitTimes = (event: GtidEvent): string[] =>
  [event.originalCommitTimestamp, event.immediateCommitTimestamp].flatMap((time = 0n) =>
    time === 0n ? [] : [time.toString()],
  );

test('GTIDs and commit times are those that mysqlbinlog prints', { skip: withoutCorpus }, () => {
  for (const { file } of readable()) {
    const text = expectedText(file);
    const events = readAll(readCorpus(file), file)
      .filter(({ event: { header } }) => isGtidEventType(header.type))
      .map(({ event: { header, body } }) => parseGtidEvent(header.type, body));
    assert.deepEqual(
      events.map(({ gtid }) => (gtid === undefined ? 'ANONYMOUS' : formatGtid(gtid))),
      [...text.matchAll(/^SET @@SESSION\.GTID_NEXT= '(.*?)'\/\*!\*\/;$/gm)].map(([, name]) => name),
      file,
    );
    assert.deepEqual(
      events.flatMap(commitTimes),
      [...text.matchAll(/^# (?:original|immediate)_commit_timestamp=([1-9]\d*)/gm)].map(([, time]) => time),
      file,
    );
  }
});

test('the previous sets are those that mysqlbinlog prints', { skip: withoutCorpus }, () => {
  let compared = 0;
  for (const { file } of readable()) {
    const [, printed = ''] = /Previous-GTIDs\n((?:# (?!at ).*\n)+)/.exec(expectedText(file)) ?? [];
    const set = parseGtidSet(printed.replaceAll(/^# |\[empty\]/gm, ''));
    const { previousGtids } = scan(readCorpus(file)).scanner;
    assert.equal(previousGtids?.toString() ?? '', set.toString(), file);
    if (!set.isEmpty()) compared++;
  }
  assert.ok(compared > 5, `${compared} sets compared`);
});

test('every table map and every statement of the corpus can be read', { skip: withoutCorpus }, () => {
  let [tables, statements] = [0, 0];
  for (const { file } of readable()) {
    const text = expectedText(file);
    for (const { event, format } of readAll(readCorpus(file), file)) {
      if (event.header.type === EventType.TableMap) {
        const { schema, table } = parseTableMap(event.body, format);
        const name = Buffer.from(`\`${schema}\`.\`${table}\``, 'utf8').toString('latin1');
        assert.ok(text.includes(`Table_map: ${name} mapped`), `${file} ${name}`);
        tables++;
      }
      if (event.header.type === EventType.Query) {
        parseStatusVariables(parseQueryEvent(event.body).statusVariables);
        statements++;
      }
    }
  }
  assert.ok(tables > 5000 && statements > 12_000, `${tables} tables, ${statements} statements`);
});
