import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { elect } from '../../../src/core/decide/elect.ts';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import { gtids, planMember, position } from '../../support/group-builder.ts';

const abc = ['a', 'b', 'c'].map((id) => planMember(id));

function electedOf(...args: Parameters<typeof elect>): string {
  const election = elect(...args);
  return election.kind === 'elected' ? election.host : `${election.reason}: ${election.why}`;
}

describe('election', () => {
  it('takes the most advanced of equals, counting what was received but not applied', () => {
    const positions = [
      position('b', gtids('1-9')),
      position('c', gtids('1-5'), { retrieved: gtids('6-10') }),
    ];
    assert.equal(electedOf(abc, positions, {}), 'c');
  });

  it('prefers the data centre of the old primary and lets it fetch the rest from the most advanced', () => {
    const members = [
      planMember('a', { dc: 'x' }),
      planMember('b', { dc: 'y' }),
      planMember('c', { dc: 'x' }),
    ];
    const election = elect(members, [position('b', gtids('1-9')), position('c', gtids('1-8'))], {
      home: 'x',
    });
    assert.deepEqual(
      election.kind === 'elected' && [election.host, election.behind, election.mostAdvanced, election.set],
      ['c', true, 'b', gtids('1-9')],
    );
  });

  it('never elects one that may not be promoted, but fetches from it', () => {
    const members = [planMember('b', { promote: 'no' }), planMember('c')];
    const election = elect(members, [position('b', gtids('1-9')), position('c', gtids('1-8'))], {});
    assert.deepEqual(election.kind === 'elected' && [election.host, election.mostAdvanced], ['c', 'b']);
  });

  it('puts the older version first, for a replica must not be older than its source', () => {
    const positions = [
      position('b', gtids('1-9'), { version: '9.7.4' }),
      position('c', gtids('1-9'), { version: '8.4.6' }),
    ];
    assert.equal(electedOf(abc, positions, {}), 'c');
  });

  it('goes by priority, then by name', () => {
    const positions = [position('b', gtids('1-9')), position('c', gtids('1-9'))];
    assert.equal(electedOf([planMember('b'), planMember('c', { priority: 200 })], positions, {}), 'c');
    assert.equal(electedOf(abc, positions, {}), 'b');
  });

  it('refuses when no candidate holds what all hold, and says who has what', () => {
    const other = '22222222-2222-2222-2222-222222222222';
    const positions = [position('b', `${gtids('1-9')},${other}:1`), position('c', gtids('1-10'))];
    assert.equal(
      electedOf(abc, positions, {}),
      `diverged: no candidate holds all: only b has ${other}:1; only c has ${gtids('10')}`,
    );
    assert.equal(electedOf(abc, positions, { to: 'c' }), 'c');
  });

  it('refuses an unknown or unreachable wish and tells why', () => {
    const positions = [position('b', gtids('1-9')), position('c', '', { error: 'connection refused' })];
    assert.match(
      electedOf(abc, positions, { to: 'c' }),
      /^no-candidate: c is no candidate: c: connection refused/,
    );
    assert.match(electedOf(abc, [], {}), /^no-candidate: no replica answered/);
  });

  it('never leaves behind a transaction that any candidate holds', () => {
    const held = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 });
    fc.assert(
      fc.property(held, held, (b, c) => {
        const positions = [b, c].map((numbers, at) =>
          position(at === 0 ? 'b' : 'c', numbers.map((n) => gtids(String(n))).join(',')),
        );
        const election = elect(abc, positions, {});
        const all = positions
          .map(({ executed }) => parseGtidSet(executed))
          .reduce((set, one) => set.union(one));
        if (election.kind === 'elected') assert.ok(parseGtidSet(election.set).equals(all));
        else assert.equal(election.reason, 'diverged');
      }),
    );
  });
});
