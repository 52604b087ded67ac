import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decideReads,
  newReadMemory,
  type ReadMemory,
  type ReadPolicy,
} from '../../../src/core/decide/reads.ts';
import { formatEndpoint } from '../../../src/core/model/endpoint.ts';
import type { GroupSnapshot } from '../../../src/core/model/snapshot.ts';
import { channel, down, member, presence, snapshot, up, view } from '../../support/group-builder.ts';
import { usualLag } from '../../support/usual-policies.ts';

/** At the moment of the snapshot. */
const readsNow = (seen: GroupSnapshot, policy: ReadPolicy, memory: ReadMemory) =>
  decideReads(seen, policy, memory, seen.takenAt);

const well = presence({ replication: { state: 'replicating', source: '127.0.0.11:3306' } });
const broken = presence({ replication: { state: 'broken', source: '127.0.0.11:3306' } });
const elsewhere = presence({ replication: { state: 'replicating', source: '127.0.0.99:3306' } });
const silent = presence({});
const b = member('b').endpoint;
const c = member('c').endpoint;

const policy = { graceMs: 3000, lag: usualLag };

function unwell() {
  const memory = newReadMemory();
  memory.unwellSince.set('b', 0);
  return memory;
}

function group(viewOfB: Parameters<typeof view>[1], takenAt = 100_000) {
  return snapshot({ members: [view('a'), view('b', viewOfB), view('c', { presence: well })], takenAt });
}

describe('read list', () => {
  it('keeps replicas that are well', () => {
    const changes = readsNow(group({ presence: well }), policy, newReadMemory());
    assert.deepEqual(changes, { lost: [], returned: [], read: [b, c], lookAgainMs: undefined });
  });

  for (const [why, record] of [
    ['replication is broken', broken],
    ['it replicates from 127.0.0.99:3306', elsewhere],
    ['MySQL is dead', presence({ verdict: 'dead' })],
    ['its agent does not say that it replicates', silent],
  ] as const) {
    it(`takes a replica off after the grace: ${why}`, () => {
      const since = newReadMemory();
      const first = readsNow(group({ presence: record }), policy, since);
      assert.deepEqual([first.lost, first.lookAgainMs], [[], 3000]);
      const second = readsNow(group({ presence: record }, 103_000), policy, since);
      assert.deepEqual([second.lost, second.read], [[{ id: 'b', why }], [c]]);
    });
  }

  it('forgets a short illness', () => {
    const since = newReadMemory();
    readsNow(group({ presence: broken }), policy, since);
    readsNow(group({ presence: well }, 101_000), policy, since);
    assert.deepEqual(readsNow(group({ presence: broken }, 104_000), policy, since).lost, []);
  });

  it('keeps a replica whose agent alone is gone, by asking MySQL', () => {
    const replicating = up({ channels: [channel()] });
    const since = unwell();
    assert.deepEqual(readsNow(group({ presence: undefined, probe: replicating }), policy, since).lost, []);
    for (const [probe, why] of [
      [down, 'its agent is gone and MySQL does not answer'],
      [up({ channels: [] }), 'its agent is gone and it does not replicate'],
      [
        up({ channels: [channel({ source: member('z').endpoint })] }),
        `it replicates from ${formatEndpoint(member('z').endpoint)}`,
      ],
    ] as const)
      assert.deepEqual(readsNow(group({ presence: undefined, probe }), policy, unwell()).lost, [
        { id: 'b', why },
      ]);
  });

  it('puts a lost replica back when it replicates, but nobody who was never lost', () => {
    const route = { route: { write: member('a').endpoint, read: [c] }, version: 1 };
    const lost = { ...group({ presence: well, offSince: 1 }), route };
    assert.deepEqual(readsNow(lost, policy, newReadMemory()).read, [c, b]);
    const never = { ...group({ presence: well }), route };
    assert.deepEqual(readsNow(never, policy, newReadMemory()).read, [c]);
  });

  it('does not take a former primary that has not heard of its successor for a replica that is back', () => {
    const route = { route: { write: member('a').endpoint, read: [c] }, version: 1 };
    for (const record of [silent, presence({ verdict: 'saturated' })]) {
      const lost = { ...group({ presence: record, offSince: 1 }), route };
      assert.deepEqual(readsNow(lost, policy, newReadMemory()).returned, []);
    }
  });

  it('takes a broken replica off also while no primary is known, and leaves a silent one', () => {
    const primary = undefined;
    const unled = (record: typeof broken) => ({ ...group({ presence: record }), primary });
    assert.deepEqual(readsNow(unled(broken), policy, unwell()).lost, [
      { id: 'b', why: 'replication is broken' },
    ]);
    assert.deepEqual(readsNow(unled(silent), policy, unwell()).lost, []);
  });

  it('keeps a reader so full of clients that its agent cannot ask it', () => {
    const full = group({ presence: presence({ verdict: 'saturated' }) });
    assert.deepEqual(readsNow(full, policy, unwell()).lost, []);
  });

  it('leaves a paused or fenced group alone', () => {
    const since = unwell();
    assert.deepEqual(readsNow({ ...group({ presence: broken }), paused: true }, policy, since).lost, []);
    const fenced = { route: { write: undefined, read: [b, c] }, version: 1 };
    assert.deepEqual(readsNow({ ...group({ presence: broken }), route: fenced }, policy, since).lost, []);
  });
});
