import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideWriter,
  refuseAcceptance,
  refuseFence,
  refuseOpen,
  type GroupFacts,
  type WriterSituation,
} from '../../../src/core/decide/writer.ts';

const facts = (change: Partial<GroupFacts> = {}): GroupFacts => ({
  group: 'g1',
  record: { id: 'a', epoch: 5 },
  planRunning: false,
  paused: false,
  ...change,
});

const situation = (change: Partial<WriterSituation> = {}): WriterSituation => ({
  self: 'a',
  facts: facts(),
  writable: false,
  ours: false,
  fencedEpoch: -1,
  tenureEpoch: undefined,
  heldMs: 0,
  ...change,
});

const other = facts({ record: { id: 'b', epoch: 5 } });

for (const [name, change, kind] of [
  ['a host that knows nothing is left alone', { facts: undefined, writable: true }, 'leave'],
  [
    'a group without a record is left alone',
    { facts: facts({ record: undefined }), writable: true },
    'leave',
  ],
  ['whoever is not recorded is closed', { facts: other, writable: true }, 'close'],
  [
    'what somebody opened during a pause is theirs',
    { facts: { ...other, paused: true }, writable: true },
    'leave',
  ],
  ['not what this agent opened', { facts: { ...other, paused: true }, writable: true, ours: true }, 'close'],
  [
    'nor while a plan counts on it',
    { facts: { ...other, paused: true, planRunning: true }, writable: true },
    'close',
  ],
  ['also while a plan runs', { facts: { ...other, planRunning: true }, writable: true }, 'close'],
  ['and left alone when closed', { facts: other }, 'leave'],
  ['the recorded primary opens after a restart', {}, 'open'],
  ['not while a plan runs', { facts: facts({ planRunning: true }) }, 'leave'],
  ['not while paused', { facts: facts({ paused: true }) }, 'leave'],
  ['not while it promised not to', { heldMs: 10 }, 'leave'],
  ['not an epoch that was fenced', { fencedEpoch: 5 }, 'leave'],
  ['but one above it', { fencedEpoch: 4 }, 'open'],
  ['a fenced epoch that is open is closed', { fencedEpoch: 5, writable: true }, 'close'],
  ['an open primary without a lease is adopted', { writable: true }, 'adopt'],
  ['with a lease of another epoch, too', { writable: true, tenureEpoch: 4 }, 'adopt'],
  ['with its own, all is well', { writable: true, tenureEpoch: 5 }, 'leave'],
] as const) {
  test(name, () => assert.equal(decideWriter(situation(change)).kind, kind));
}

for (const [name, change, request, reason] of [
  ['of an epoch that is past', { tenureEpoch: 5 }, { group: 'g1', epoch: 4 }, 'past-epoch'],
  ['of another group', { tenureEpoch: 5 }, { group: 'g2', epoch: 5 }, 'other-group'],
  ['but not of the epoch that is open', { tenureEpoch: 5 }, { group: 'g1', epoch: 5 }, undefined],
  ['nor of a past one where nothing is open', {}, { group: 'g1', epoch: 4 }, undefined],
  [
    'nor where the open one is fenced',
    { tenureEpoch: 5, fencedEpoch: 5 },
    { group: 'g1', epoch: 4 },
    undefined,
  ],
] as const) {
  test(`no fence ${name}`, () => {
    assert.equal(refuseFence(request, situation(change))?.reason, reason);
  });
}

for (const [name, change, epoch, reason] of [
  ['opening is refused to who does not know its group', { facts: undefined }, 5, 'not-ready'],
  ['for another group', { facts: facts({ group: 'g2' }) }, 5, 'other-group'],
  ['to who is not recorded', { facts: other }, 5, 'not-recorded'],
  ['when nobody is', { facts: facts({ record: undefined }) }, 5, 'not-recorded'],
  ['under an epoch that is past', {}, 4, 'past-epoch'],
  ['under one to come', {}, 6, 'stale-epoch'],
  ['under one that was fenced', { fencedEpoch: 5 }, 5, 'fenced-epoch'],
  ['while another primary is accepted', { heldMs: 1 }, 5, 'accepted-primary'],
  ['but not for a plan, whose own request it is', { facts: facts({ planRunning: true }) }, 5, undefined],
  ['nor for a pause: an operator may move a paused group', { facts: facts({ paused: true }) }, 5, undefined],
] as const) {
  test(name, () => {
    assert.equal(refuseOpen({ group: 'g1', epoch }, situation(change))?.reason, reason);
  });
}

for (const [name, change, epoch, reason] of [
  ['the recorded primary is accepted', {}, 5, undefined],
  [
    'also by who knows only an older record',
    { facts: facts({ record: { id: 'x', epoch: 4 } }) },
    5,
    undefined,
  ],
  ['and by who knows nothing', { facts: undefined }, 5, undefined],
  ['not by a host of another group', { facts: facts({ group: 'g2' }) }, 5, 'other-group'],
  ['not under an older epoch', {}, 4, 'newer-epoch'],
  ['not when another is recorded', { facts: facts({ record: { id: 'c', epoch: 5 } }) }, 5, 'other-primary'],
  ['not where that epoch was fenced', { fencedEpoch: 5 }, 5, 'newer-epoch'],
  [
    'not while a plan runs',
    { facts: facts({ record: { id: 'p', epoch: 5 }, planRunning: true }) },
    5,
    'plan-running',
  ],
  ['not by who was promoted', { facts: undefined, tenureEpoch: 6 }, 5, 'promoted'],
] as const) {
  test(`acceptance: ${name}`, () => {
    const here = {
      ...situation({ facts: facts({ record: { id: 'p', epoch: 5 } }), ...change }),
      leaseOver: true,
    };
    assert.equal(refuseAcceptance({ group: 'g1', epoch, primary: 'p' }, here)?.reason, reason);
  });
}

test('the primary accepts itself, for a router, just while it holds its lease', () => {
  const request = { group: 'g1', epoch: 5, primary: 'a' };
  const holding = { ...situation({ tenureEpoch: 5 }), leaseOver: false };
  assert.equal(refuseAcceptance(request, holding), undefined);
  assert.equal(refuseAcceptance(request, { ...holding, leaseOver: true })?.reason, 'no-lease');
  assert.equal(refuseAcceptance(request, { ...holding, tenureEpoch: 4 })?.reason, 'no-lease');
});
