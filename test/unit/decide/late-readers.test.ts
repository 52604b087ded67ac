import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lateReaders, type LagPolicy } from '../../../src/core/decide/late-readers.ts';
import {
  decideReads,
  newReadMemory,
  type ReadMemory,
  type ReadPolicy,
} from '../../../src/core/decide/reads.ts';
import type { GroupSnapshot, MemberView } from '../../../src/core/model/snapshot.ts';
import { member, presence, snapshot, view } from '../../support/group-builder.ts';
import { usualLag } from '../../support/usual-policies.ts';

/** At the moment of the snapshot. */
const readsNow = (seen: GroupSnapshot, policy: ReadPolicy, memory: ReadMemory) =>
  decideReads(seen, policy, memory, seen.takenAt);

const lag: LagPolicy = { ...usualLag, evictMs: 3000, returnMs: 1000, holdMs: 5000 };

function late(id: string, lagMs: number, dc?: string, change: Partial<MemberView> = {}): MemberView {
  const replication = { state: 'replicating', source: '127.0.0.11:3306', lagMs } as const;
  return view(id, { member: member(id, { dc }), presence: presence({ replication }), ...change });
}

describe('late readers', () => {
  for (const [name, readers, policy, expected] of [
    ['nobody leaves below the limit', [late('b', 2000), late('c', 0)], {}, []],
    ['the late one leaves', [late('b', 4000), late('c', 0)], {}, ['b']],
    ['the last reader stays, however late', [late('b', 900_000)], { maxEvicted: 100 }, []],
    [
      'of late ones the least late one stays',
      [late('b', 4000), late('c', 9000), late('d', 8000)],
      { maxEvicted: 100 },
      ['c', 'd'],
    ],
    [
      'or none, when the primary is to serve then',
      [late('b', 4000), late('c', 9000)],
      { lastReader: 'primary' },
      ['c', 'b'],
    ],
    [
      'half of a group at most, the latest first',
      [late('b', 4000), late('c', 9000), late('d', 8000), late('e', 5000), late('f', 0)],
      {},
      ['c', 'd'],
    ],
    [
      'half of a data centre at most',
      [
        late('b', 4000, 'A'),
        late('c', 9000, 'A'),
        late('d', 0, 'B'),
        late('e', 0, 'B'),
        late('f', 0, 'B'),
        late('g', 0, 'B'),
      ],
      {},
      ['c'],
    ],
    [
      'the only reader of a data centre may leave when the group has others',
      [late('b', 4000, 'A'), late('c', 0, 'B')],
      {},
      ['b'],
    ],
    ['nobody, when none may', [late('b', 4000), late('c', 0)], { maxEvicted: 0 }, []],
  ] as const) {
    it(name, () => {
      const leaving = lateReaders(
        readers.map((one) => ({ view: one, isOff: false })),
        { ...lag, ...policy },
      );
      assert.deepEqual(
        leaving.map(({ view: one }) => one.member.id),
        expected,
      );
    });
  }

  it('counts those that are off already', () => {
    const readers = [
      { view: late('b', 4000), isOff: true },
      { view: late('c', 4000), isOff: false },
      { view: late('d', 0), isOff: false },
    ];
    assert.deepEqual(lateReaders(readers, lag), []);
  });
});

describe('the read list and lag', () => {
  const policy = { graceMs: 3000, lag };
  const both = snapshot().route?.route;
  const group = (views: readonly MemberView[], takenAt: number, withoutB = false) =>
    snapshot({
      members: [view('a'), ...views],
      takenAt,
      route: {
        route: { write: both?.write, read: withoutB ? [member('c').endpoint] : (both?.read ?? []) },
        version: 1,
      },
    });
  const off = { offSince: 1, offForLag: true };

  it('takes a late replica off at once, and says how late', () => {
    const changes = readsNow(group([late('b', 4000), late('c', 0)], 0), policy, newReadMemory());
    assert.deepEqual(changes.lost, [{ id: 'b', why: 'its data is more than 4 s old', late: true }]);
    assert.deepEqual(changes.read, [member('c').endpoint]);
  });

  it('takes it back once it was in time for the whole time of proof', () => {
    const memory = newReadMemory();
    const at = (now: number, lagMs: number) =>
      readsNow(group([late('b', lagMs, undefined, off), late('c', 0)], now, true), policy, memory);
    assert.deepEqual([at(0, 0).returned, at(0, 0).lookAgainMs], [[], 5000]);
    assert.deepEqual(at(4000, 1000).returned, [], 'late again: from the beginning');
    assert.deepEqual(at(5000, 0).returned, []);
    assert.deepEqual(at(9999, 0).returned, []);
    assert.deepEqual(at(10_000, 0).returned, ['b']);
  });

  it('takes one that was lost for another reason back at once, but not while it is late', () => {
    const lost = (lagMs: number) => [late('b', lagMs, undefined, { offSince: 1 }), late('c', 0)];
    assert.deepEqual(readsNow(group(lost(2000), 0, true), policy, newReadMemory()).returned, []);
    assert.deepEqual(readsNow(group(lost(0), 0, true), policy, newReadMemory()).returned, ['b']);
  });

  it('a broken replica leaves though it is the last one: the primary serves then', () => {
    const broken = presence({ replication: { state: 'broken', source: '127.0.0.11:3306' } });
    const memory = newReadMemory();
    memory.unwellSince.set('b', -9000);
    const alone = snapshot({ members: [view('a'), view('b', { presence: broken })], takenAt: 0 });
    assert.deepEqual(
      readsNow(alone, policy, memory).lost.map(({ id }) => id),
      ['b'],
    );
  });
});
