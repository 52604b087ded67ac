import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unblocked } from '../../../src/core/decide/unblock.ts';
import { next } from '../../../src/core/plan/next.ts';
import { record, type FailoverPlan } from '../../../src/core/plan/plan.ts';
import type { Outcome, Position } from '../../../src/core/plan/steps.ts';
import {
  failoverPlan,
  gtids,
  planMember,
  position,
  presence,
  snapshot,
  view,
} from '../../support/group-builder.ts';

const term = { holders: ['a', 'b', 'c'], copies: 2 };
const lost: Outcome = { kind: 'not-caught-up', why: 'its host is gone', missing: '', executed: gtids('1-9') };
const all: Outcome = { kind: 'caught-up', transactions: 3, sizeBytes: 9, executed: gtids('1-12') };
const silent: Position = { ...position('c', ''), error: 'connection refused' };

/** A failover under `semiSync.mode: required` up to the choice. */
function blockedOr(
  positions: readonly Position[],
  {
    inputs = {},
    catchUp = lost,
    durability = [term],
  }: {
    readonly inputs?: Partial<FailoverPlan['inputs']>;
    readonly catchUp?: Outcome;
    readonly durability?: readonly { holders: string[]; copies: number }[];
  } = {},
): FailoverPlan {
  const outcomes: Readonly<Record<string, Outcome>> = {
    fence: { kind: 'fenced', evidence: 'process-gone', detail: '' },
    freeze: { kind: 'positions', positions: [...positions], durability: [...durability] },
    'catch-up': catchUp,
  };
  let plan = failoverPlan({ members: ['a', 'b', 'c'].map((id) => planMember(id)), durable: true, ...inputs });
  for (;;) {
    const wanted = next(plan);
    if (wanted.kind !== 'step' || wanted.step.kind === 'promote') return plan;
    const outcome = outcomes[wanted.step.kind] ?? { kind: 'done' };
    plan = record(plan, { step: wanted.step, outcome, at: 0, tookMs: 0, by: 'x' });
  }
}

const known = [position('b', gtids('1-9')), position('c', gtids('1-9'))];
const alone = [position('b', gtids('1-9')), silent];

describe('a failover under required', () => {
  for (const [name, plan, blocked] of [
    ['goes on when enough of those are known who hold what was acknowledged', blockedOr(known), false],
    ['is blocked when one of them is silent', blockedOr(alone), true],
    ['unless all that the old primary had was carried over', blockedOr(alone, { catchUp: all }), false],
    ['or an operator has named the server', blockedOr(alone, { inputs: { to: 'b' } }), false],
    ['is blocked when nothing is claimed', blockedOr(known, { durability: [] }), true],
    [
      'is blocked when one has thrown away what it had received',
      blockedOr([position('b', gtids('1-9')), position('c', gtids('1-9'), { unheard: true })]),
      true,
    ],
    ['without required nobody asks', blockedOr(alone, { inputs: { durable: false } }), false],
  ] as const) {
    it(name, () => {
      const wanted = next(plan);
      assert.equal(wanted.kind === 'blocked' ? wanted.reason : wanted.kind, blocked ? 'not-durable' : 'step');
    });
  }

  const others = (c: Parameters<typeof view>[1], a: Parameters<typeof view>[1] = { presence: undefined }) =>
    snapshot({ members: [view('a', a), view('b'), view('c', c)] });

  it('goes on by itself when the silent one is back', () => {
    assert.equal(unblocked(blockedOr(alone), others({ presence: undefined })), undefined);
    const again = unblocked(blockedOr(alone), others({ presence: presence() }));
    assert.deepEqual(
      again?.entries.map(({ step }) => step.kind),
      ['close-route', 'fence'],
    );
  });

  it('does not ask again who has said all that it knows', () => {
    const told = blockedOr([position('b', gtids('1-9')), position('c', gtids('1-9'), { unheard: true })]);
    assert.equal(unblocked(told, others({ presence: presence() })), undefined);
  });

  it('leaves the group to the old primary when that one is back', () => {
    const back = unblocked(blockedOr(alone), others({ presence: undefined }, { presence: presence() }));
    assert.match(back?.abandonedBy ?? '', /a, which is back/);
  });
});
