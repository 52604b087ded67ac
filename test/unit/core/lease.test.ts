import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  askDueAt,
  extendLease,
  inNewSession,
  isOver,
  leaseLeftMs,
  leaseTerms,
  NO_LEASE,
  renewLease,
  type Lease,
} from '../../../src/core/lease.ts';

const terms = leaseTerms(6000);

function renewedAt(...times: readonly number[]): Lease {
  return times.reduce((lease, at) => renewLease(lease, at, terms), NO_LEASE);
}

test('the terms are shares of the session timeout', () => {
  assert.deepEqual(terms, {
    sessionTimeoutMs: 6000,
    renewEveryMs: 1000,
    lagMs: 1000,
    fenceMs: 1500,
    extensionMs: 2500,
    acceptMs: 4000,
    askBeforeMs: 1000,
  });
  assert.equal(leaseTerms(30_000).renewEveryMs, 1000);
  assert.equal(leaseTerms(1000).renewEveryMs, 1000 / 6);
});

for (const [name, lease, until] of [
  ['a first renewal counts from half a session before it', renewedAt(10_000), 11_500],
  ['a second one, a lag later, from the first', renewedAt(10_000, 11_000), 14_500],
  ['a hasty one proves nothing more', renewedAt(10_000, 10_100), 11_600],
  ['a steady rhythm gives at least 5/12 of the session from the last', renewedAt(0, 999, 1998, 2997), 5499],
  ['after a long gap only the renewal before it is proved', renewedAt(10_000, 11_000, 15_000), 15_500],
  ['a lease is never shortened', renewedAt(10_000, 11_000, 11_001), 14_500],
  ['acceptance by all extends from when it was asked', extendLease(renewedAt(10_000), 11_000, terms), 13_500],
  [
    'a new session proves nothing',
    renewLease(inNewSession(renewedAt(0, 1000), 9000, terms), 9000, terms),
    10_500,
  ],
  ['and leaves little of what there was', inNewSession(renewedAt(0, 1000), 2000, terms), 2500],
  ['and adds nothing', inNewSession(renewedAt(0, 1000), 4400, terms), 4500],
] as const) {
  test(name, () => assert.equal(lease.until, until));
}

test('no lease is a lease that is over', () => {
  assert.equal(isOver(undefined, 0), true);
  assert.equal(isOver(NO_LEASE, 0), true);
  assert.equal(leaseLeftMs(undefined, 0), 0);
  const lease = renewedAt(10_000);
  assert.deepEqual(
    [isOver(lease, 11_499), isOver(lease, 11_500), leaseLeftMs(lease, 11_000)],
    [false, true, 500],
  );
});

/**
 * What the leader knows of a client of a follower: at each ping (half a tick) it hears whether there was any activity since the last one.
 * When the follower is cut off, it hears no more, and expires the session T after what it heard last.
 */
function expiry(
  activities: readonly number[],
  cutAt: number,
  { half, phase, T }: { half: number; phase: number; T: number },
): number {
  let heard = -Infinity;
  for (let ping = phase - 40 * half; ping <= cutAt; ping += half) {
    if (activities.some((at) => at > ping - half && at <= ping)) heard = ping;
  }
  return heard + T;
}

test('the fence is always done before the leader could expire the session, however it is cut off', () => {
  fc.assert(
    fc.property(
      fc.record({
        T: fc.integer({ min: 1000, max: 40_000 }),
        ticks: fc.double({ min: 3, max: 20, noNaN: true }),
        phase: fc.double({ min: 0, max: 1, noNaN: true }),
        idle: fc.double({ min: 0, max: 1, noNaN: true }),
        gaps: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { maxLength: 12 }),
      }),
      ({ T, ticks, phase, idle, gaps }) => {
        const its = leaseTerms(T);
        const half = T / ticks / 2;
        // Before the first renewal the library pinged at least each T/3.
        const activities = Array.from({ length: 8 }, (_, i) => -(idle + i) * (T / 3));
        let lease = NO_LEASE;
        let at = 0;
        for (const gap of [0, ...gaps]) {
          at += gap * its.renewEveryMs;
          activities.push(at);
          lease = renewLease(lease, at, its);
          // Cut off the moment after this renewal was acknowledged: the worst that can be.
          const expires = expiry(activities, at, { half, phase: phase * half, T });
          assert.ok(lease.until + its.fenceMs <= expires + 1e-6, `${lease.until + its.fenceMs} > ${expires}`);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

for (const [name, lease, at] of [
  ['the others are asked shortly before the end', renewedAt(10_000, 11_000), 13_500],
  ['after a single renewal, once the second is late', renewedAt(10_000), 11_300],
  ['with no lease, at once: whoever holds none does not ask', NO_LEASE, -Infinity],
] as const) {
  test(name, () => assert.equal(askDueAt(lease, terms), at));
}
