import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elect } from '../../../src/core/decide/elect.ts';
import type { Circumstances, PlacementRules } from '../../../src/core/decide/placement.ts';
import type { PlanMember } from '../../../src/core/plan/plan.ts';
import { gtids, planMember, position } from '../../support/group-builder.ts';

const open: PlacementRules = { allowedDcs: [], crossDc: 'allowed', lowerVersion: 'never' };
const rules = (change: Partial<PlacementRules>): PlacementRules => ({ ...open, ...change });

/** b is in the data centre x of the old primary a, c in y. */
const home = planMember('b', { dc: 'x' });
const away = planMember('c', { dc: 'y' });
const only = (...members: PlanMember[]) => members;

/** Versions by host; 9.7.4 where nothing is said. */
type Versions = Readonly<Record<string, string>>;

/** Name, members that answer, circumstances, versions, and who is elected or why nobody is. */
const table: [string, PlanMember[], Circumstances, Versions, RegExp][] = [
  ['anywhere, when nothing is said', only(away), { home: 'x' }, {}, /^c$/],
  ['at home first', only(away, home), { home: 'x', rules: open }, {}, /^b$/],
  [
    'away when it is preferred there',
    only(planMember('c', { dc: 'y', promote: 'prefer' }), home),
    { home: 'x', rules: open },
    {},
    /^c$/,
  ],
  [
    'not away for a preference, when that needs approval',
    only(planMember('c', { dc: 'y', promote: 'prefer' }), planMember('b', { dc: 'x', promote: 'last' })),
    { home: 'x', rules: rules({ crossDc: 'needs-approval' }) },
    {},
    /^b$/,
  ],
  [
    'nobody, when only away could and that needs approval',
    only(away),
    { home: 'x', rules: rules({ crossDc: 'needs-approval' }) },
    {},
    /^needs-approval: only another data centre can take over \(c in data centre y\), and failover\.crossDc is needs-approval$/,
  ],
  [
    'away once it is approved',
    only(away),
    { home: 'x', rules: rules({ crossDc: 'needs-approval' }), approved: true },
    {},
    /^c$/,
  ],
  [
    'away when an operator names it',
    only(away, home),
    { home: 'x', rules: rules({ crossDc: 'never' }), to: 'c' },
    {},
    /^c$/,
  ],
  [
    'never away when that is never',
    only(away),
    { home: 'x', rules: rules({ crossDc: 'never' }), approved: true },
    {},
    /^no-candidate: c: data centre y is not that of the old primary \(x\), and failover\.crossDc is never$/,
  ],
  [
    'nowhere but in the allowed data centres, whoever asks',
    only(away),
    { home: 'x', rules: rules({ allowedDcs: ['x', 'z'] }), to: 'c' },
    {},
    /^no-candidate: c is no candidate: c: data centre y is none of failover\.allowedDcs \(x, z\)$/,
  ],
  [
    'no server without a data centre, when there is a list',
    only(planMember('c')),
    { rules: rules({ allowedDcs: ['x'] }) },
    {},
    /c: the unnamed data centre is none of/,
  ],
  [
    'nobody older than the old primary',
    only(home, planMember('c', { dc: 'x' })),
    { home: 'x', rules: open, oldVersion: '9.7.4' },
    { b: '8.4.6' },
    /^c$/,
  ],
  [
    'nobody at all, when all are older',
    only(home),
    { home: 'x', rules: open, oldVersion: '9.7.4' },
    { b: '8.4.6' },
    /^no-candidate: b: MySQL 8\.4\.6 is older than the old primary's 9\.7\.4, and failover\.lowerVersion is never$/,
  ],
  [
    'an older one where that is allowed',
    only(home),
    { home: 'x', rules: rules({ lowerVersion: 'allowed' }), oldVersion: '9.7.4' },
    { b: '8.4.6' },
    /^b$/,
  ],
  [
    'the oldest of those that are not older: the others can follow it',
    only(home, planMember('c', { dc: 'x', priority: 900 })),
    { home: 'x', rules: open, oldVersion: '8.4.6' },
    { b: '8.4.7' },
    /^b$/,
  ],
  [
    'a patch level is no version lower',
    only(home),
    { home: 'x', rules: open, oldVersion: '8.4.7' },
    { b: '8.4.6' },
    /^b$/,
  ],
  [
    'last only when there is nobody else',
    only(planMember('b', { promote: 'last' }), planMember('c')),
    {},
    {},
    /^c$/,
  ],
  [
    "an intermediate's replica after the others",
    only(planMember('b', { from: 'c' }), planMember('c')),
    {},
    {},
    /^c$/,
  ],
];

describe('the rules elect', () => {
  for (const [name, members, circumstances, versions, expected] of table) {
    it(name, () => {
      const positions = members.map(({ id }) =>
        position(id, gtids('1-9'), { version: versions[id] ?? '9.7.4' }),
      );
      const election = elect(members, positions, circumstances);
      const text = election.kind === 'elected' ? election.host : `${election.reason}: ${election.why}`;
      assert.match(text, expected);
    });
  }

  it('a newer one when there is no other, and say that the older ones are not supported below it', () => {
    const members = [planMember('b', { dc: 'x' }), planMember('c', { dc: 'y' })];
    const positions = [position('b', gtids('1-9')), position('c', gtids('1-9'), { version: '8.4.6' })];
    const election = elect(members, positions, { home: 'x', rules: open, oldVersion: '8.4.6' });
    assert.ok(election.kind === 'elected' && election.host === 'b');
    assert.match(election.why, /c is older than it \(8\.4\.6\), which MySQL does not support/);
  });
});
