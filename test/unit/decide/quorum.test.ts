import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { quorumOf, quorumRules, whyNoQuorum } from '../../../src/core/decide/quorum.ts';
import { planMember } from '../../support/group-builder.ts';

describe('quorum of an automatic failover', () => {
  for (const [replicas, ...required] of [
    [0, 0, 0, 0, 0],
    [1, 1, 1, 1, 1],
    [2, 1, 1, 2, 2],
    [3, 1, 2, 2, 3],
    [4, 1, 2, 3, 4],
    [5, 1, 3, 3, 5],
  ] as const) {
    it(`of ${replicas} replicas: ${quorumRules.map((rule, at) => `${rule} ${required[at] ?? ''}`).join(', ')}`, () => {
      assert.deepEqual(
        quorumRules.map((rule) => quorumOf(replicas, rule)),
        required,
      );
    });
  }

  it('says how many there were, and by which setting they are too few', () => {
    const members = ['b', 'c', 'd'].map((id) => planMember(id));
    const why = '1 of 3 replicas that may be promoted could be asked, 2 must be (failover.quorum: half)';
    assert.equal(whyNoQuorum(members, ['b'], 'half'), why);
    assert.equal(whyNoQuorum(members, ['b', 'd'], 'half'), undefined);
  });
});
