import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eachGtid, gtidChunks } from '../../../src/core/gtid/gtid-chunks.ts';
import { EMPTY_GTID_SET, parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { judgeOthers, type OtherMember } from '../../../src/core/rejoin/burn.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const errant = parseGtidSet(`${uuid}:8-10:tag:1-2`);
const self = { id: 'a', uuid: 'uuid-a' };
const answered = (id: string, held: string): OtherMember => ({
  id,
  kind: 'answered',
  held: parseGtidSet(held),
  uuid: `uuid-${id}`,
});
const silent = (id: string, told?: string): OtherMember => ({
  id,
  kind: 'silent',
  why: 'no answer',
  told: told === undefined ? undefined : parseGtidSet(told),
});

for (const [name, others, suspects, detail] of [
  ['nobody is there', [], [], /nobody else/],
  ['the others never had them', [answered('b', `${uuid}:1-7`), answered('c', '')], [], /nobody else/],
  [
    'one has some of them',
    [answered('b', `${uuid}:1-8:tag:2`), answered('c', `${uuid}:1-7`)],
    [self, { id: 'b', uuid: 'uuid-b' }],
    new RegExp(`^b has ${uuid}:8:tag:2$`),
  ],
  [
    'one cannot be asked',
    [answered('b', ''), silent('c')],
    [self, { id: 'c' }],
    /^c may have them: no answer$/,
  ],
  [
    'one cannot be asked, but its plan says what it had',
    [silent('c', `${uuid}:1-9`)],
    [self, { id: 'c' }],
    /^c does not answer, and had .*:8-9$/,
  ],
  [
    'one cannot be asked, and its plan is about something else',
    [silent('c', `${uuid}:1-2`)],
    [self, { id: 'c' }],
    /may have them/,
  ],
] as const) {
  test(`names are ${suspects.length === 0 ? 'left free' : 'burnt'} when ${name}`, () => {
    const verdict = judgeOthers(errant, self, others);
    assert.deepEqual(verdict.suspects, suspects);
    assert.equal(verdict.burn, suspects.length === 0 ? '' : errant.toCompactString());
    assert.match(verdict.detail, detail);
  });
}

test('what the primary has already is not burnt, whoever else has it', () => {
  const verdict = judgeOthers(EMPTY_GTID_SET, self, [answered('b', `${uuid}:1-10`), silent('c')]);
  assert.deepEqual([verdict.burn, verdict.suspects], ['', []]);
});

test('a set is cut into parts of at most so many GTIDs, that together are the set', () => {
  const set = parseGtidSet(`${uuid}:1-10:20:30-31:tag:5-9,00000000-0000-0000-0000-000000000001:7`);
  for (const size of [1, 2, 3, 5, 18, 19, 20, 1000]) {
    const parts = [...gtidChunks(set, size)];
    assert.ok(parts.every((part) => part.count() <= BigInt(size) && !part.isEmpty()));
    assert.equal(parts.length, Math.ceil(19 / size));
    assert.ok(parts.reduce((sum, part) => sum.union(part), EMPTY_GTID_SET).equals(set));
  }
  assert.deepEqual([...gtidChunks(EMPTY_GTID_SET, 5)], []);
});

test('a run of numbers is cut without being counted through', () => {
  const set = parseGtidSet(`${uuid}:1-9223372036854775806`);
  const first = gtidChunks(set, 1000).next().value;
  assert.equal(first?.toCompactString(), `${uuid}:1-1000`);
});

test('each GTID is written as the server takes it for the next one', () => {
  assert.deepEqual(
    [...eachGtid(parseGtidSet(`${uuid}:8-9:tag:1`))],
    [`${uuid}:8`, `${uuid}:9`, `${uuid}:tag:1`],
  );
});
