import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { measureLag, NO_LAG_MEMORY, NO_TOLD_LAG, tellLag } from '../../../src/core/decide/lag.ts';
import type { ApplierProgress, ChannelStatus } from '../../../src/ports/mysql.ts';
import { channel, gtids } from '../../support/group-builder.ts';

const now = 1_000_000;
const executed = gtids('1-10');
const all = { retrieved: gtids('1-10') };
const behind = { retrieved: gtids('1-12') };

function times(change: Partial<ApplierProgress> = {}): ApplierProgress {
  return {
    now,
    committedAt: undefined,
    appliedAt: undefined,
    applyingSince: undefined,
    heartbeatAt: undefined,
    heartbeatEveryMs: 500,
    ...change,
  };
}

function lag(
  change: Partial<ChannelStatus>,
  seen: { aheadMs?: number | undefined; currentAt?: number } = {},
): number | undefined {
  const before = seen.currentAt === undefined ? NO_LAG_MEMORY : { currentAt: seen.currentAt };
  const aheadMs = 'aheadMs' in seen ? seen.aheadMs : 0;
  return measureLag(channel(change), { executed, aheadMs, before }).lagMs;
}

const hourAgo = now - 3_600_000;

describe('lag', () => {
  for (const [name, change, seen, expected] of [
    [
      'is how long the newest transaction was on its way',
      { ...all, progress: times({ committedAt: now - 90, appliedAt: now - 60 }) },
      {},
      30,
    ],
    [
      'is none on an idle source, however long ago its last transaction was, and however late that one came',
      {
        ...all,
        progress: times({ committedAt: hourAgo - 60_000, appliedAt: hourAgo, heartbeatAt: now - 400 }),
      },
      {},
      0,
    ],
    [
      'is the age of the oldest transaction being applied',
      { ...behind, progress: times({ committedAt: hourAgo, applyingSince: now - 7000 }) },
      {},
      7000,
    ],
    [
      'is at most the time since the last one was committed that is applied, when none is being applied (SOURCE_DELAY)',
      { ...behind, progress: times({ committedAt: now - 5000 }) },
      {},
      5000,
    ],
    [
      'grows from the last moment at which nothing was missing, not from the last commit before an idle hour',
      { ...behind, progress: times({ committedAt: hourAgo }) },
      { currentAt: now - 1200 },
      1200,
    ],
    [
      'takes the difference of the clocks away: the source is a minute ahead',
      { ...behind, progress: times({ applyingSince: now + 60_000 - 7000 }) },
      { aheadMs: 60_000 },
      7000,
    ],
    [
      'or a minute behind',
      { ...all, progress: times({ committedAt: now - 60_090, appliedAt: now - 60 }) },
      { aheadMs: -60_000 },
      30,
    ],
    [
      'without that difference knows only the own clock of the replica',
      { ...behind, progress: times({ applyingSince: now - 60_000 }) },
      { aheadMs: undefined, currentAt: now - 800 },
      800,
    ],
    [
      'and without anything of its own asks the server',
      { ...behind, lagSeconds: 17, progress: times({ applyingSince: now - 60_000 }) },
      { aheadMs: undefined },
      17_000,
    ],
    ['of a server without these times is its own estimate', { ...behind, lagSeconds: 17 }, {}, 17_000],
    ['which it may not have', { ...behind, lagSeconds: undefined }, {}, undefined],
    [
      'grows while the receiver is away, though all that came is applied',
      { ...all, receiver: 'connecting', progress: times({ committedAt: hourAgo }) },
      { currentAt: now - 4000 },
      4000,
    ],
    [
      'grows while the source is silent for longer than its heartbeats',
      { ...all, lastHeardMs: 2000, progress: times() },
      { currentAt: now - 2000 },
      2000,
    ],
    [
      'but heartbeats may be rare by configuration',
      { ...all, lastHeardMs: 20_000, progress: times({ heartbeatEveryMs: 30_000 }) },
      { currentAt: now - 2000 },
      0,
    ],
  ] as const) {
    it(name, () => assert.equal(lag(change, seen), expected));
  }
});

describe('what is told of a lag', () => {
  const limits = { evictMs: 3000, returnMs: 1000 };
  const told = (lags: readonly (readonly [atMs: number, lagMs: number])[]): readonly number[] => {
    let before = NO_TOLD_LAG;
    return lags.map(([at, lagMs]) => (before = tellLag(lagMs, limits, { before, now: at })).lagMs);
  };

  it('rises by steps, of which the limit for leaving is one', () => {
    const seen = told([999, 1000, 1999, 2500, 2999, 3000, 3999, 4000, 8100].map((ms, at) => [at, ms]));
    assert.deepEqual(seen, [0, 1000, 1000, 2000, 2000, 3000, 3000, 4000, 8000]);
  });

  it('falls only when it has been less for a while, so that one about a step is told once', () => {
    const seen = told([
      [0, 1100],
      [500, 900],
      [1000, 1100],
      [1500, 900],
      [3400, 900],
      [3500, 900],
    ]);
    assert.deepEqual(seen, [1000, 1000, 1000, 1000, 1000, 0]);
  });
});
