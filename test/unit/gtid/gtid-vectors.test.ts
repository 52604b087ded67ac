import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeGtidSet, encodeGtidSet } from '../../../src/core/gtid/gtid-set-encoding.ts';
import { parseGtidSet, type GtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { formatGtid, parseGtid } from '../../../src/core/gtid/gtid.ts';
import { readCorpusJson, withoutCorpus } from '../../support/corpus.ts';

interface Vector {
  readonly id: string;
  readonly op: string;
  readonly a: string | null;
  readonly b?: string | null;
  readonly uuid?: string;
  readonly expected?: string | number;
  readonly error?: unknown;
}

interface Encoding {
  readonly set: string;
  readonly com_binlog_dump_gtid_data_hex: string;
}

const MAX = '1-9223372036854775806';
const symdiff = (a: GtidSet, b: GtidSet): GtidSet => a.union(b).subtract(a.intersect(b));

const OPERATIONS: Record<string, (a: string, b: string, uuid: string) => string> = {
  normalize: (a) => parseGtidSet(a).toString(),
  gtid_next: (a) => formatGtid(parseGtid(a)),
  subtract: (a, b) => parseGtidSet(a).subtract(parseGtidSet(b)).toString(),
  union: (a, b) => parseGtidSet(a).union(parseGtidSet(b)).toString(),
  intersection: (a, b) => parseGtidSet(a).intersect(parseGtidSet(b)).toString(),
  symdiff: (a, b) => symdiff(parseGtidSet(a), parseGtidSet(b)).toString(),
  subset: (a, b) => (parseGtidSet(b).contains(parseGtidSet(a)) ? '1' : '0'),
  disjoint: (a, b) => (parseGtidSet(a).overlaps(parseGtidSet(b)) ? '0' : '1'),
  equal: (a, b) => (parseGtidSet(a).equals(parseGtidSet(b)) ? '1' : '0'),
  count: (a) => parseGtidSet(a).count().toString(),
  subtract_uuid: (a, b) =>
    parseGtidSet(a)
      .subtract(parseGtidSet(`${b}:${MAX}`))
      .toString(),
  intersection_uuid: (a, b) =>
    parseGtidSet(a)
      .intersect(parseGtidSet(`${b}:${MAX}`))
      .toString(),
  errant: (a, b, uuid) =>
    parseGtidSet(a)
      .subtract(parseGtidSet(b))
      .subtract(parseGtidSet(`${uuid}:${MAX}`))
      .toString(),
};

test('every vector gives the text that the server gave', { skip: withoutCorpus }, () => {
  const { vectors } = readCorpusJson('gtid/vectors.json') as { vectors: Vector[] };
  assert.ok(vectors.length > 300);
  for (const { id, op, a, b = '', uuid = '', expected, error } of vectors) {
    // SQL's NULL in, NULL out: sets here are never NULL.
    if (a === null || b === null) continue;
    const compute = () => OPERATIONS[op]!(a, b, uuid);
    if (error === undefined) assert.equal(compute(), String(expected), `${id} ${op} ${a} ${b}`);
    else assert.throws(compute, { code: 'GTID_MALFORMED' }, `${id} ${op} ${a} ${b}`);
  }
});

test('every set is encoded as the MySQL client encodes it, and read back', { skip: withoutCorpus }, () => {
  const { vectors } = readCorpusJson('gtid/binary_encoding.json') as { vectors: Encoding[] };
  assert.ok(vectors.length > 70);
  for (const { set, com_binlog_dump_gtid_data_hex: hex } of vectors) {
    assert.equal(encodeGtidSet(parseGtidSet(set)).toString('hex'), hex, set);
    assert.equal(decodeGtidSet(Buffer.from(hex, 'hex')).toString(), parseGtidSet(set).toString());
  }
});
