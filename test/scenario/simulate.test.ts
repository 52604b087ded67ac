import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { found } from '../simulate/found.ts';
import { runSeed } from '../simulate/run-seed.ts';
import { seededBugs } from '../simulate/seeded-bugs.ts';
import { placesOf, shrink, traceOf } from '../simulate/shrink.ts';
import { drawFaults, levels, PRIMARY, type Fault } from '../simulate/faults.ts';
import type { WorldShape } from '../simulate/world.ts';

Error.stackTraceLimit = 5;

/** The first of a handful of seeds that breaks a promise when something is wrong on purpose. */
async function firstFailure(
  bug: keyof typeof seededBugs,
  faults: readonly Fault[],
  shape: Partial<WorldShape> = {},
) {
  for (let seed = 1; seed <= 5; seed += 1) {
    const result = await runSeed({ seed, tamper: seededBugs[bug], faults, shape });
    if (result.violation !== undefined) return result;
  }
  return undefined;
}

const needless: Fault = { at: 500, ms: 3000, kind: 'haproxy-dies', number: 1 };
const switchover: Fault = { at: 1000, ms: 500, kind: 'switchover', to: undefined };
const alone: Fault = { at: 6000, ms: 14_000, kind: 'isolate', host: PRIMARY, but: [] };

describe('simulated worlds', () => {
  for (const [level, seeds] of [
    ['none', 5],
    ['kills', 10],
    ['partitions', 10],
    ['zookeeper', 60],
  ] as const) {
    it(`keep every promise: faults up to level ${level}`, async () => {
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { violation, writes } = await runSeed({ seed, level });
        assert.equal(violation, undefined, `npm run simulate -- --level ${level} --seed ${seed} --trace`);
        assert.ok(writes > 0);
      }
    });
  }

  for (const { what, ...options } of found) {
    it(`do not break a promise as they once did: ${what}`, async () => {
      assert.equal((await runSeed(options)).violation, undefined);
    });
  }

  it('are the same each time, to the last byte of their trace', async () => {
    assert.deepEqual(await traceOf({ seed: 8 }), await traceOf({ seed: 8 }));
  });

  it('have other faults for other seeds', () => {
    const [one, two] = [drawFaults(1), drawFaults(2)];
    assert.notDeepEqual(one, two);
    assert.deepEqual(drawFaults(1), one);
    assert.deepEqual(drawFaults(1, levels[0]), []);
  });
});

describe('what is wrong on purpose', () => {
  it('is found: a fence that does nothing', async () => {
    const failed = await firstFailure('no-fence', [switchover]);
    assert.match(failed?.violation ?? 'nothing', /two servers are writable|two writers/);
  });

  it('is found: leases that are longer than the session', async () => {
    const failed = await firstFailure('long-lease', [alone]);
    assert.match(failed?.violation ?? 'nothing', /two servers are writable|two writers/);
  });

  it('is found: a rollback that forgets a row', async () => {
    const tail: Fault = {
      at: 6000,
      ms: 12_000,
      kind: 'isolate',
      host: PRIMARY,
      but: ['10.0.0.51', '10.0.0.52'],
    };
    const failed = await firstFailure('forgotten-row', [tail]);
    assert.match(failed?.violation ?? 'nothing', /does not come back|members differ|not well/);
  });

  it('is found: an agent that takes what a region has for errant', async () => {
    const [region, pair] = [
      ['10.1.0.1', '10.1.0.2'],
      ['10.0.0.1', '10.0.0.3'],
    ];
    const failed = await firstFailure(
      'blind-to-region',
      [
        { at: 1500, ms: 22_000, kind: 'region-cut', server: 0, from: 'replicas' },
        ...pair.map(
          (host) => ({ at: 2000, ms: 12_000, kind: 'isolate', host, but: [...region, ...pair] }) as const,
        ),
      ],
      { regionServers: 2, semiSync: 'none', catchUp: 'always' },
    );
    assert.match(failed?.violation ?? 'nothing', /another transaction stands for|cannot apply|not replicate/);
  });

  it('is told with the fewest faults that show it', async () => {
    const failed = await firstFailure('no-fence', [needless, switchover]);
    assert.ok(failed !== undefined);
    const smallest = await shrink(failed, { tamper: seededBugs['no-fence'] });
    assert.deepEqual(smallest.faults, [switchover]);
    assert.deepEqual(placesOf(smallest.faults, [needless, switchover]), [1]);
  });
});
