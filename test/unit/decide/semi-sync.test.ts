import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  acknowledgementOf,
  decideSource,
  isInForce,
  whyNotDurable,
  type SemiSyncPolicy,
} from '../../../src/core/decide/semi-sync.ts';
import type { SemiSyncSource } from '../../../src/ports/semi-sync.ts';
import { member } from '../../support/group-builder.ts';
import { noSemiSync } from '../../support/usual-policies.ts';

const required: SemiSyncPolicy = { ...noSemiSync, mode: 'required' };
const auto: SemiSyncPolicy = { ...noSemiSync, mode: 'auto' };
const group = (dcs: string) => dcs.split('').map((dc, at) => member('abcdefg'.charAt(at), { dc }));

describe('who acknowledges', () => {
  for (const [name, dcs, policy, expected] of [
    ['a lone server has nobody', 'A', {}, { ackers: '', acks: 0, of: 'a', copies: 1 }],
    ['of two the other one', 'AA', {}, { ackers: 'b', acks: 1, of: 'ab', copies: 2 }],
    ['of three one, so that two have it', 'AAA', {}, { ackers: 'bc', acks: 1, of: 'abc', copies: 2 }],
    ['of four two', 'AAAA', {}, { ackers: 'bcd', acks: 2, of: 'abcd', copies: 3 }],
    ['of five two', 'AAAAA', {}, { ackers: 'bcde', acks: 2, of: 'abcde', copies: 3 }],
    ['as many as are asked for', 'AAAAA', { acks: 3 }, { ackers: 'bcde', acks: 3, of: 'abcde', copies: 4 }],
    ['but no more than there are', 'AA', { acks: 3 }, { ackers: 'b', acks: 1, of: 'ab', copies: 2 }],
    [
      'only those of other data centres, and the copy at home does not count',
      'AABB',
      { durability: 'other-dc' },
      { ackers: 'cd', acks: 1, of: 'cd', copies: 1 },
    ],
    [
      'nobody, when all are in one data centre',
      'AA',
      { durability: 'other-dc' },
      { ackers: '', acks: 0, of: '', copies: 0 },
    ],
  ] as const) {
    it(name, () => {
      const { ackers, acks, durability } = acknowledgementOf(group(dcs), 'a', { ...required, ...policy });
      assert.deepEqual(
        { ackers: ackers.join(''), acks, of: durability.holders.join(''), copies: durability.copies },
        expected,
      );
    });
  }

  it('not a replica of a replica, until that one is the primary', () => {
    const members = [member('a'), member('b'), member('c', { from: 'b' })];
    assert.deepEqual(acknowledgementOf(members, 'a', required).ackers, ['b']);
    assert.deepEqual(acknowledgementOf(members, 'b', required).ackers, ['a', 'c']);
  });

  it('a majority is the same whoever of it is the primary, so a failover changes no claim', () => {
    const under = (primary: string) => acknowledgementOf(group('ABC'), primary, required).durability;
    assert.deepEqual(under('a'), under('b'));
  });
});

function source(change: Partial<SemiSyncSource> = {}): SemiSyncSource {
  return {
    enabled: false,
    on: false,
    clients: 0,
    acks: 1,
    timeoutMs: 10_000,
    waitWithoutReplicas: true,
    waiting: 0,
    acknowledged: 0,
    unacknowledged: 0,
    ...change,
  };
}

describe('the source side', () => {
  const three = acknowledgementOf(group('AAA'), 'a', required);
  const endless = { acks: 1, timeoutMs: 1e12, waitWithoutReplicas: true };
  const brief = { acks: 1, timeoutMs: 1000, waitWithoutReplicas: false };

  for (const [name, now, policy, open, expected] of [
    [
      'is on before writes open, when it is required',
      source(),
      required,
      false,
      { ...endless, enabled: true },
    ],
    [
      'is not switched on under an open primary before a replica is there',
      source(),
      required,
      true,
      { ...endless, enabled: false },
    ],
    ['is switched on when one is', source({ clients: 1 }), required, true, { ...endless, enabled: true }],
    [
      'stays on when replicas go: that is what required means',
      source({ ...endless, enabled: true }),
      required,
      true,
      'leave',
    ],
    ['in mode auto opens without', source(), auto, false, { ...brief, enabled: false }],
    ['in mode auto gives up after its time', source({ clients: 2 }), auto, true, { ...brief, enabled: true }],
    [
      'is put right when somebody changed it',
      source({ ...endless, enabled: true, timeoutMs: 5 }),
      required,
      true,
      { ...endless, enabled: true },
    ],
  ] as const) {
    it(name, () => assert.deepEqual(decideSource(now, three, policy, { open }), expected));
  }

  it('is off where nobody could acknowledge', () => {
    const alone = acknowledgementOf(group('A'), 'a', required);
    const settings = decideSource(source({ enabled: true }), alone, required, { open: false });
    assert.deepEqual(settings, { ...endless, enabled: false });
  });

  it('is not in force while a stranger acknowledges, too', () => {
    const now = source({ enabled: true, on: true, clients: 2 });
    assert.deepEqual([isInForce(now, three), isInForce({ ...now, clients: 3 }, three)], [true, false]);
  });
});

describe('what may be lost', () => {
  const three = { holders: ['a', 'b', 'c'], copies: 2 };
  const five = { holders: ['a', 'b', 'c', 'd', 'e'], copies: 3 };
  const elsewhere = { holders: ['c', 'd'], copies: 1 };
  for (const [name, terms, known, expected] of [
    ['nothing, when a majority of three is known', [three], ['b', 'c'], undefined],
    ['something, when one of three is', [three], ['b'], /2 of a, b, c hold must be known, and a, c cannot/],
    ['nothing, when three of five are known', [five], ['b', 'd', 'e'], undefined],
    ['something, when two are', [five], ['b', 'd'], /3 of a, b, c, d, e/],
    [
      'of one copy elsewhere all of them must be known',
      [elsewhere],
      ['b', 'c'],
      /2 of c, d .* d cannot be asked/,
    ],
    ['while the group changes, each of the claims counts', [three, five], ['b', 'c'], /3 of a, b, c, d, e/],
    ['anything, while nobody vouches', [], ['a', 'b', 'c'], /not in force/],
  ] as const) {
    it(name, () => {
      const why = whyNotDurable(terms, known);
      if (expected === undefined) assert.equal(why, undefined);
      else assert.match(why ?? '', expected);
    });
  }
});
