import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whatIsNewer } from '../../../src/core/plan/newer.ts';
import { planOf } from '../../../src/roles/coordinator/plan-runner.ts';
import { failoverPlan } from '../../support/group-builder.ts';

const entry = (step: object, outcome: object) => ({ step, outcome, at: 0, tookMs: 0, by: 'x' });
const done = { kind: 'done' };
const plan = failoverPlan();

type Changed = Pick<typeof plan, 'group'> & Readonly<Record<string, unknown>>;

describe('a journal that this program cannot read', () => {
  const cases: readonly (readonly [name: string, journal: Changed, what: string | undefined])[] = [
    ['a plan of a newer kind', { ...plan, kind: 'merge' }, 'kind "merge"'],
    ['a newer step', { ...plan, entries: [entry({ kind: 'ponder' }, done)] }, 'entries.0.step.kind "ponder"'],
    [
      'a newer outcome',
      { ...plan, entries: [entry({ kind: 'close-route' }, { kind: 'pondered' })] },
      'entries.0.outcome.kind "pondered"',
    ],
    ['no kind at all', { ...plan, kind: undefined }, undefined],
    ['a step without its host', { ...plan, entries: [entry({ kind: 'fence' }, done)] }, undefined],
  ];
  for (const [name, journal, what] of cases) {
    it(`${what === undefined ? 'is malformed' : 'is of a newer dcmha, which is said'}: ${name}`, () => {
      assert.equal(whatIsNewer(journal), what);
      const said =
        what === undefined ? /^\/journal\/g1: (?!written)/ : /written by a newer dcmha \(.*\): use that one/;
      assert.throws(() => planOf(journal), { code: 'ZNODE_MALFORMED', message: said });
    });
  }

  it('is none: what this program writes', () => {
    assert.equal(whatIsNewer(plan), undefined);
    assert.deepEqual(planOf(plan), plan);
  });
});
