import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { placeReaders, type PlacementPolicy } from '../../../src/core/decide/read-placement.ts';
import { member } from '../../support/group-builder.ts';
import { usualReads } from '../../support/usual-policies.ts';

interface Placed {
  readonly dc?: string;
  readonly weight?: number;
  readonly lagMs?: number;
}

function place(members: readonly Placed[], policy: Partial<PlacementPolicy>) {
  const ids = ['a', 'b', 'c'];
  const placed = members.map(({ lagMs = 0, ...change }, at) => ({
    member: member(ids[at] ?? '', change),
    lagMs,
  }));
  return [...placeReaders(placed, { ...usualReads, ...policy }).values()].map(({ backup, weight }) => [
    backup,
    weight,
  ]);
}

describe('placement of readers', () => {
  for (const [name, members, policy, expected] of [
    [
      'a router that does not know where it is leaves the file as it is',
      [{ dc: 'A' }, { dc: 'B' }],
      {},
      [
        [undefined, undefined],
        [undefined, undefined],
      ],
    ],
    [
      'other data centres, and servers of none, are backups',
      [{ dc: 'A' }, { dc: 'B' }, {}],
      { dc: 'A' },
      [
        [false, undefined],
        [true, undefined],
        [true, undefined],
      ],
    ],
    ['unless all are to serve', [{ dc: 'B' }], { dc: 'A', order: 'all' }, [[false, undefined]]],
    [
      'weights are those of the metadata; one without has the usual one as soon as another has any',
      [{ weight: 50 }, {}, { weight: 0 }],
      {},
      [
        [undefined, 50],
        [undefined, 100],
        [undefined, 0],
      ],
    ],
    [
      'by lag, the weight falls between the two limits, and never to nothing',
      [{ lagMs: 4000 }, { lagMs: 17_500 }, { lagMs: 900_000, weight: 3 }],
      { weights: 'by-lag' },
      [
        [undefined, 100],
        [undefined, 50],
        [undefined, 1],
      ],
    ],
  ] as const) {
    it(name, () => assert.deepEqual(place(members, policy), expected));
  }
});
