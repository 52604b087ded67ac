import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_GTID_SET, parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { findCut } from '../../../src/core/rejoin/find-cut.ts';
import { decompress, readFixture, scan } from '../../support/binlog.ts';
import { makeBinlog } from '../../support/made-binlog.ts';
import { memoryFiles } from '../../support/memory-binlog.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const set = (numbers: string) => parseGtidSet(numbers === '' ? '' : `${uuid}:${numbers}`);
const crashed = { inUse: true, ddlXid: 7n };

/** One file after another; the numbers of its transactions, and how it was left. */
function files(...parts: readonly (readonly [string, Parameters<typeof makeBinlog>[3]])[]) {
  let previous = EMPTY_GTID_SET;
  const made: Record<string, Buffer> = {};
  for (const [index, [numbers, how]] of parts.entries()) {
    made[`binlog.00000${index + 1}`] = makeBinlog(1, set(numbers), previous, how);
    previous = previous.union(set(numbers));
  }
  return made;
}

test('the last file is cut where the errant transactions begin', async () => {
  const made = files(['1-5', { ddlXid: 7n }], ['6-10', crashed]);
  const found = await findCut(memoryFiles(made), set('1-7'), decompress);
  assert.equal(found.kind, 'cut');
  assert.equal(found.place.file, 'binlog.000002');
  assert.equal(found.errant.toCompactString(), `${uuid}:8-10`);
  assert.equal(found.own.toCompactString(), `${uuid}:1-10`);
  const left = scan(made['binlog.000002']!.subarray(0, found.place.at)).transactions;
  assert.deepEqual(
    left.map(({ gtid }) => gtid?.number),
    [6n, 7n],
  );
});

test('what is in earlier files was committed: it is errant, but the cut is in the last one', async () => {
  const made = files(['1-5', { ddlXid: 7n }], ['6-8', crashed]);
  const found = await findCut(memoryFiles(made), set('1-3'), decompress);
  assert.equal(found.kind, 'cut');
  assert.equal(found.errant.toCompactString(), `${uuid}:4-8`);
  assert.deepEqual(scan(made['binlog.000002']!.subarray(0, found.place.at)).transactions, []);
});

test('a torn transaction is nobody’s, and goes with the rest', async () => {
  const made = files(['1-9', crashed]);
  const whole = made['binlog.000001']!;
  const found = await findCut(memoryFiles({ b: whole.subarray(0, -3) }), set('1-7'), decompress);
  assert.equal(found.kind, 'cut');
  assert.equal(found.errant.toCompactString(), `${uuid}:8`);
});

for (const [name, made, shared] of [
  ['nothing is errant', files(['1-5', crashed]), '1-9'],
  ['mysqld ended in an orderly way', files(['1-5', { ddlXid: 7n }]), '1-2'],
  ['only earlier files hold errant transactions', files(['1-5', { ddlXid: 7n }], ['', crashed]), '1-2'],
  ['there is no file', {}, ''],
] as const) {
  test(`nothing is to be cut where ${name}`, async () => {
    assert.deepEqual(await findCut(memoryFiles(made), set(shared), decompress), { kind: 'nothing' });
  });
}

for (const [name, made, shared, why] of [
  ['others came after them', files(['1-5', crashed]), '1-3,5', /:5 came after them, and is not errant/],
  [
    'they have no transactions',
    files(['1-5', { inUse: true }]),
    '1-3',
    /:4 changed what has no transactions/,
  ],
] as const) {
  test(`the binlog is left whole where ${name}`, async () => {
    const found = await findCut(
      memoryFiles(made),
      parseGtidSet(`${uuid}:${shared.replace(',', ':')}`),
      decompress,
    );
    assert.equal(found.kind, 'keep');
    assert.match(found.why, why);
  });
}

test('XA transactions, and tables without transactions, keep a recorded binlog whole', async () => {
  const inUse = Buffer.from(readFixture('transactions.000001'));
  inUse.writeUInt16LE(1, 4 + 17);
  const { transactions } = scan(inUse);
  const kinds = new Set<string>();
  for (const [at] of transactions.entries()) {
    const cut = inUse.subarray(0, transactions[at]!.end);
    const shared = transactions.slice(0, at).flatMap(({ gtid }) => (gtid === undefined ? [] : [gtid]));
    const known = shared.reduce(
      (sum, gtid) => sum.add(gtid),
      scan(inUse).scanner.previousGtids ?? EMPTY_GTID_SET,
    );
    const found = await findCut(memoryFiles({ b: cut }), known, decompress);
    kinds.add(found.kind === 'keep' ? found.why.replace(/^\S+ /, '') : found.kind);
  }
  assert.deepEqual([...kinds].sort(), [
    'changed what has no transactions',
    'cut',
    'is a part of an XA transaction',
  ]);
});
