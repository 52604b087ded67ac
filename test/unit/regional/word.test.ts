import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { wordOf } from '../../../src/core/regional/word.ts';
import type { Probe } from '../../../src/ports/mysql.ts';
import { channel, down, gtids, refused, up } from '../../support/group-builder.ts';

const writable = (executed: string, replicates = false): Probe =>
  up({ readOnly: false, superReadOnly: false, executed, channels: replicates ? [channel()] : [] });
const replica = (executed: string): Probe => up({ executed, channels: [channel()] });

describe('what a region says of transactions', () => {
  for (const [what, probes, held, silent] of [
    ['has what any of its servers has', [writable(gtids('1-3')), replica(gtids('1-9'))], gtids('5-9'), []],
    ['has no others when who is written to answers', [writable(gtids('1-3')), down], '', []],
    ['does not know while who is written to is away', [down, replica(gtids('1-3'))], '', [1]],
    ['does not know by what refuses', [refused, replica(gtids('1-3'))], '', [1]],
    [
      'knows when all answer, whoever is written to',
      [replica(gtids('1-3')), replica(gtids('1-5'))],
      gtids('5'),
      [],
    ],
    ['does not know by a replica that takes writes, too', [down, writable(gtids('1-3'), true)], '', [1]],
    ['does not know when nobody answers', [down, down], '', [1, 2]],
    ['tells what it has even so', [down, replica(gtids('1-6'))], gtids('5-6'), [1]],
  ] as const) {
    it(what, () => {
      const answers = probes.map((probe, at) => ({
        source: { endpoint: { host: `10.1.0.${at + 1}`, port: 3306 }, ssl: false },
        probe,
      }));
      const word = wordOf(answers, parseGtidSet(gtids('5-9')));
      assert.equal(word.held.toCompactString(), parseGtidSet(held).toCompactString());
      assert.deepEqual(
        word.silent,
        silent.map((n) => `10.1.0.${n}:3306`),
      );
    });
  }
});
