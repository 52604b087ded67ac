import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainGroup } from '../../../src/cli/explain-group.ts';
import type { Look } from '../../../src/cli/look.ts';
import type { FailoverRules } from '../../../src/core/plan/plan.ts';
import { gtids, member, position, snapshot, view } from '../../support/group-builder.ts';

const rules: FailoverRules = { allowedDcs: [], crossDc: 'allowed', lowerVersion: 'never' };

function look(change: Partial<FailoverRules> & { automatic?: boolean; paused?: string } = {}): Look {
  const { automatic = true, paused, ...more } = change;
  const inForce = { ...rules, ...more };
  const members = [
    view('a', { member: member('a', { dc: 'x' }) }),
    view('b', { member: member('b', { dc: 'y' }), paused: paused === 'b' }),
    view('c', { member: member('c', { dc: 'y', promote: 'last' }) }),
  ];
  return {
    snapshot: snapshot({ members }),
    positions: ['a', 'b', 'c'].map((id) => position(id, gtids('1-9'))),
    decides: { automatic, cooldownMs: 600_000, stalledMs: 10_000, fleetMax: 3, rules: inForce },
    plans: { maxLoss: 10, catchUp: 'always', rules: inForce },
  };
}

const fates = ({ servers }: ReturnType<typeof explainGroup>) =>
  servers.map(({ host, fate }) => `${host} ${fate}`);

describe('explain', () => {
  it('tells who would be elected, why, and what comes of the others', () => {
    const told = explainGroup(look());
    assert.equal(told.now, 'all is well');
    assert.equal(told.decision, 'a failover begins at once');
    assert.match(told.election, /^b: holds everything received, data centre y, priority 100, promote yes$/);
    assert.deepEqual(fates(told), ['b elected', 'c ranks below b']);
    assert.equal(told.ending, 'primary b');
    assert.equal(told.steps[0], 'close-route');
  });

  it('tells what forbids it, and whom it would elect all the same', () => {
    const told = explainGroup(look({ automatic: false }));
    assert.match(told.decision, /^no failover \(manual\): failover\.automatic is false/);
    assert.match(told.election, /^b: /);
  });

  it('tells what waits for approval, with the command, and what would come of it', () => {
    const told = explainGroup(look({ crossDc: 'needs-approval' }));
    assert.match(told.decision, /^no failover \(needs-approval\): .*dcmha task approve --group g1$/);
    assert.match(told.election, /^nobody \(needs-approval\): .*; once approved: b: /);
    assert.deepEqual(fates(told), ['b waits for approval', 'c waits for approval']);
    assert.match(told.ending, /^blocked: needs-approval/);
  });

  it('tells which rule bars each server', () => {
    const told = explainGroup(look({ allowedDcs: ['x'] }));
    assert.match(told.decision, /^no failover \(no-candidate\)/);
    assert.match(
      fates(told).join(),
      /^b data centre y is none of failover\.allowedDcs \(x\),c data centre y/,
    );
  });

  it('tells that a paused host is left alone', () => {
    const told = explainGroup(look({ paused: 'b' }));
    assert.deepEqual(fates(told), ['b paused: left alone', 'c elected']);
  });

  it('says what to do where there is no primary', () => {
    const told = explainGroup({ ...look(), snapshot: snapshot({ primary: undefined }) });
    assert.match(told.now, /dcmha add --group g1/);
  });
});
