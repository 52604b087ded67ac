import assert from 'node:assert/strict';
import { test } from 'node:test';
import { surveyTail } from '../../../src/core/catch-up/survey-tail.ts';
import { GtidSet, parseGtidSet, EMPTY_GTID_SET } from '../../../src/core/gtid/gtid-set.ts';
import { hasCode } from '../../../src/core/model/errors.ts';
import type { Transaction } from '../../../src/core/binlog/transactions.ts';
import { readFixture, scan } from '../../support/binlog.ts';
import { memoryFiles } from '../../support/memory-binlog.ts';

const one = readFixture('transactions.000001');
const two = readFixture('transactions.000002');
const killed = readFixture('killed.000001');

const gtidsOf = (transactions: readonly Transaction[]) =>
  GtidSet.fromGtids(transactions.flatMap(({ gtid }) => (gtid === undefined ? [] : [gtid])));
const executed = (bytes: Buffer) => gtidsOf(scan(bytes).transactions);

async function tailOf(files: Readonly<Record<string, Buffer>>, have: GtidSet, only?: GtidSet) {
  const survey = await surveyTail(memoryFiles(files), { have, only });
  if (survey.kind === 'gap') throw new Error(`gap ${survey.gtids.toCompactString()}`);
  return survey.tail;
}

const previous = scan(one).scanner.previousGtids ?? EMPTY_GTID_SET;

test('nothing is missing when the others have all', async () => {
  const have = previous.union(executed(one)).union(executed(two));
  const tail = await tailOf({ 'b.1': one, 'b.2': two }, have);
  assert.deepEqual([tail.transactions, tail.files, tail.newest.name], [0, [], 'b.2']);
});

test('the tail begins with the first missing transaction, over as many files as it takes', async () => {
  const all = [...scan(one).transactions, ...scan(two).transactions];
  for (let had = 0; had <= all.length; had++) {
    const have = previous.union(gtidsOf(all.slice(0, had)));
    const tail = await tailOf({ 'b.1': one, 'b.2': two }, have);
    const missing = all.slice(had);
    assert.equal(tail.transactions, missing.length);
    assert.equal(
      tail.sizeBytes,
      missing.reduce((sum, { start, end }) => sum + end - start, 0),
    );
    assert.ok(tail.missing.equals(gtidsOf(missing)));
    const first = missing[0];
    if (first !== undefined) assert.equal(tail.files[0]?.start, first.start);
  }
});

test('a hole in what the others have is found, and what they have behind it is not counted', async () => {
  const all = scan(one).transactions;
  const lacked = all[3]!;
  const have = previous.union(gtidsOf(all.filter((other) => other !== lacked))).union(executed(two));
  const tail = await tailOf({ 'b.1': one, 'b.2': two }, have);
  assert.deepEqual([tail.transactions, tail.files[0]?.start, tail.files.length], [1, lacked.start, 1]);
});

test('what may not be fetched is told, and not counted', async () => {
  const all = scan(one).transactions;
  const only = gtidsOf(all.slice(0, 2));
  const tail = await tailOf({ 'b.1': one }, previous, only);
  assert.deepEqual([tail.transactions, tail.missing.equals(executed(one))], [2, true]);
});

test('files purged before are a gap that is named', async () => {
  const survey = await surveyTail(memoryFiles({ 'b.2': two }), { have: previous });
  assert.ok(survey.kind === 'gap');
  const needed = (scan(two).scanner.previousGtids ?? EMPTY_GTID_SET).subtract(previous);
  assert.deepEqual([survey.gtids.toCompactString(), survey.before], [needed.toCompactString(), 'b.2']);
});

test('a file gone from the middle is a gap, too', async () => {
  const all = scan(one).transactions;
  const have = previous.union(gtidsOf(all.slice(0, 1)));
  const cut = one.subarray(0, all[2]!.end);
  const survey = await surveyTail(memoryFiles({ 'b.1': cut, 'b.3': two }), { have });
  assert.equal(survey.kind, 'gap');
});

test('a file torn anywhere ends with its last whole transaction', async () => {
  const { transactions } = scan(killed);
  const first = transactions[0]!;
  const before = scan(killed).scanner.previousGtids ?? EMPTY_GTID_SET;
  for (let length = first.start; length < killed.length; length += 7) {
    const tail = await tailOf({ 'b.1': killed.subarray(0, length) }, before);
    const whole = transactions.filter(({ end }) => end <= length);
    assert.equal(tail.transactions, whole.length, `cut at ${length}`);
    assert.equal(tail.files[0]?.end, whole.at(-1)?.end);
  }
});

test('a file that a crash left empty is passed over', async () => {
  const have = previous;
  for (const rest of [Buffer.alloc(0), two.subarray(0, 4), two.subarray(0, 40)]) {
    const tail = await tailOf({ 'b.1': one, 'b.2': rest }, have);
    assert.deepEqual([tail.transactions, tail.newest.name], [scan(one).transactions.length, 'b.1']);
  }
});

test('damage in what is missing is refused with the place', async () => {
  const all = scan(one).transactions;
  const damaged = Buffer.from(one);
  const at = all[2]!.start + 60;
  damaged[at] = (damaged[at] ?? 0) ^ 1;
  await assert.rejects(
    () => tailOf({ 'b.1': damaged }, previous),
    (error) => hasCode(error, 'BINLOG_CORRUPT') && error.details['file'] === 'b.1',
  );
});

test('an encrypted file is refused', async () => {
  const encrypted = Buffer.from(one);
  encrypted[0] = 0xfd;
  await assert.rejects(
    () => tailOf({ 'b.1': encrypted }, previous),
    (error) => hasCode(error, 'BINLOG_UNSUPPORTED'),
  );
});

test('without checksums the tail is the same', async () => {
  const bytes = readFixture('nochecksum.000001');
  const before = scan(bytes).scanner.previousGtids ?? EMPTY_GTID_SET;
  const tail = await tailOf({ 'b.1': bytes }, before);
  assert.ok(tail.missing.equals(executed(bytes)));
});

test('a set that has nothing to do with the files is a gap, or all of them', async () => {
  const have = parseGtidSet('aaaaaaaa-0000-0000-0000-000000000000:1-5');
  const survey = await surveyTail(memoryFiles({ 'b.1': one }), { have });
  assert.equal(survey.kind, previous.isEmpty() ? 'tail' : 'gap');
});
