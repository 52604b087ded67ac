import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { found } from '../simulate/found.ts';
import { runSeed } from '../simulate/run-seed.ts';
import { seededBugs } from '../simulate/seeded-bugs.ts';
import { placesOf, shrink, traceOf } from '../simulate/shrink.ts';
import { drawFaults, levels } from '../simulate/faults.ts';

Error.stackTraceLimit = 5;

/** The first of these seeds that breaks a promise. */
async function firstFailure(seeds: readonly number[], bug: keyof typeof seededBugs) {
  for (const seed of seeds) {
    const result = await runSeed({ seed, tamper: seededBugs[bug] });
    if (result.violation !== undefined) return result;
  }
  return undefined;
}

describe('simulated worlds', () => {
  for (const [level, seeds] of [
    ['none', 5],
    ['kills', 10],
    ['partitions', 15],
    ['zookeeper', 70],
  ] as const) {
    it(`keep every promise: faults up to level ${level}`, async () => {
      for (let seed = 1; seed <= seeds; seed += 1) {
        const { violation, writes } = await runSeed({ seed, level });
        assert.equal(violation, undefined, `npm run simulate -- --level ${level} --seed ${seed} --trace`);
        assert.ok(writes > 0);
      }
    });
  }

  for (const { what, seed, faults } of found) {
    it(`do not break a promise as they once did: ${what}`, async () => {
      assert.equal((await runSeed({ seed, faults })).violation, undefined);
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
    const found = await firstFailure([4, 6, 8], 'no-fence');
    assert.match(found?.violation ?? 'nothing', /two servers are writable|two writers/);
  });

  it('is found: leases that are longer than the session', async () => {
    const found = await firstFailure([56, 58, 144], 'long-lease');
    assert.match(found?.violation ?? 'nothing', /two servers are writable|two writers/);
  });

  it('is told with the fewest faults that show it, which show it again', async () => {
    const failed = await firstFailure([4, 6, 8], 'no-fence');
    assert.ok(failed !== undefined);
    const tamper = seededBugs['no-fence'];
    const smallest = await shrink(failed, { tamper });
    assert.ok(smallest.faults.length <= failed.faults.length);
    const drawn = drawFaults(failed.seed);
    const faults = placesOf(smallest.faults, drawn).flatMap((place) => drawn[place] ?? []);
    const again = await runSeed({ seed: failed.seed, tamper, faults });
    assert.equal(again.violation, smallest.violation);
  });
});
