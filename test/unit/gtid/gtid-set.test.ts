import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeGtidSet, encodeGtidSet } from '../../../src/core/gtid/gtid-set-encoding.ts';
import { EMPTY_GTID_SET, GtidSet, parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { formatGtid, parseGtid } from '../../../src/core/gtid/gtid.ts';
import { DcmhaError } from '../../../src/core/model/errors.ts';

const U1 = '00000000-0000-0000-0000-000000000001';
const U2 = '10000000-0000-0000-0000-000000000002';

/** A set as a model: the plain list of its members, small enough to be counted by hand. */
const members = fc.uniqueArray(
  fc.record({
    uuid: fc.constantFrom(U1, U2),
    tag: fc.constantFrom('', 'a', 'tag_2'),
    number: fc.bigInt({ min: 1n, max: 25n }),
  }),
  { selector: formatGtid, maxLength: 60 },
);
type Members = typeof members extends fc.Arbitrary<infer T> ? T : never;

const names = (set: GtidSet): string[] =>
  [...set.sources()].flatMap(({ uuid, tag, intervals }) =>
    intervals.flatMap(({ start, end }) =>
      Array.from({ length: Number(end - start) + 1 }, (_, i) =>
        formatGtid({ uuid, tag, number: start + BigInt(i) }),
      ),
    ),
  );
const model = (list: Members): string[] => list.map(formatGtid).sort();
const check = (set: GtidSet, expected: readonly string[]): void =>
  assert.deepEqual(names(set).sort(), [...expected].sort());

test('union, subtract and intersect agree with plain lists', () => {
  fc.assert(
    fc.property(members, members, (a, b) => {
      const [setA, setB, inA, inB] = [GtidSet.fromGtids(a), GtidSet.fromGtids(b), model(a), model(b)];
      check(setA.union(setB), [...new Set([...inA, ...inB])]);
      check(
        setA.subtract(setB),
        inA.filter((name) => !inB.includes(name)),
      );
      check(
        setA.intersect(setB),
        inA.filter((name) => inB.includes(name)),
      );
      assert.equal(
        setA.contains(setB),
        inB.every((name) => inA.includes(name)),
      );
      assert.equal(
        setA.overlaps(setB),
        inB.some((name) => inA.includes(name)),
      );
      assert.equal(setA.count(), BigInt(inA.length));
      assert.equal(
        a.every((gtid) => setA.has(gtid)),
        true,
      );
      assert.equal(
        b.every((gtid) => setA.has(gtid)),
        setA.contains(setB),
      );
    }),
  );
});

test('text and bytes come back as they went', () => {
  fc.assert(
    fc.property(members, (a) => {
      const set = GtidSet.fromGtids(a);
      assert.equal(parseGtidSet(set.toString()).toString(), set.toString());
      assert.equal(parseGtidSet(set.toCompactString()).toString(), set.toString());
      assert.equal(decodeGtidSet(encodeGtidSet(set)).toString(), set.toString());
      assert.equal(a.reduce((sum, gtid) => sum.add(gtid), EMPTY_GTID_SET).toString(), set.toString());
    }),
  );
});

test('any text is read, or refused with the offset of the fault', () => {
  const alphabet = fc.constantFrom(...Array.from('09af-:,{} \n_gZ!'), U1, U2, `${U1}:1-5`, 'tag:1');
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 12 }), (parts) => {
      const text = parts.join('');
      try {
        parseGtidSet(text);
      } catch (error) {
        assert.ok(error instanceof DcmhaError);
        assert.equal(error.code, 'GTID_MALFORMED');
        const offset = error.details['offset'];
        assert.ok(typeof offset === 'number' && offset >= 0 && offset <= text.length);
      }
    }),
  );
});

test('any bytes are read, or refused as GTID_MALFORMED', () => {
  const good = encodeGtidSet(parseGtidSet(`${U1}:1-5:tag:7,${U2}:9`));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      const bytes = Buffer.from(good.subarray(0, length));
      if (at < length) bytes[at] = value;
      try {
        decodeGtidSet(bytes);
      } catch (error) {
        assert.ok(error instanceof DcmhaError && error.code === 'GTID_MALFORMED');
      }
    }),
  );
});

test('the server writes the empty set in two ways, and both are empty', () => {
  assert.ok(decodeGtidSet(Buffer.from('0000000000000000', 'hex')).isEmpty());
  assert.ok(decodeGtidSet(Buffer.from('0100000000000001', 'hex')).isEmpty());
});

test('a fault is told with its offset', () => {
  assert.throws(() => parseGtidSet(`${U1}:1-2:`), { code: 'GTID_MALFORMED', details: { offset: 41 } });
  assert.throws(() => parseGtidSet(`${U1}:0`), { code: 'GTID_MALFORMED', details: { offset: 37 } });
  assert.throws(() => parseGtidSet(`${U1}!`), { code: 'GTID_MALFORMED', details: { offset: 36 } });
  assert.throws(() => parseGtidSet(`${U1}:${'9'.repeat(100_000)}`), { code: 'GTID_MALFORMED' });
});

test('the part of a server includes its tags', () => {
  const set = parseGtidSet(`${U1}:1-5:tag:7,${U2}:9`);
  assert.equal(set.ofUuid(U1.toUpperCase()).toCompactString(), `${U1}:1-5:tag:7`);
});

test('numbers of 64 bits stay exact', () => {
  const set = parseGtidSet(`${U1}:9007199254740992-9223372036854775806`);
  assert.equal(
    set.subtract(parseGtidSet(`${U1}:9007199254740993`)).toCompactString(),
    `${U1}:9007199254740992:9007199254740994-9223372036854775806`,
  );
  assert.deepEqual(parseGtid(`${U1}:TAG:9223372036854775806`).number, 9223372036854775806n);
});
