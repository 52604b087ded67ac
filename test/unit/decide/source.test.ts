import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseSource, type SourceSituation } from '../../../src/core/decide/source.ts';
import type { ReplicationHealth } from '../../../src/core/model/group.ts';
import { channel, member, presence } from '../../support/group-builder.ts';

const [primary, from] = [member('a'), member('b')];
const says = (state: ReplicationHealth['state']) =>
  presence({ replication: { state, source: '127.0.0.11:3306' } });
const below = channel({ source: from.endpoint });

const situation = (change: Partial<SourceSituation>): SourceSituation => ({
  primary,
  from,
  presence: says('replicating'),
  channel: channel(),
  fitForMs: 5000,
  ...change,
});

const table: [string, Partial<SourceSituation>, 'a' | 'b'][] = [
  ['the primary without an intermediate', { from: undefined }, 'a'],
  ['the primary when the intermediate has become it', { from: primary }, 'a'],
  ['the intermediate once it has been fit for a while', {}, 'b'],
  ['not before', { fitForMs: 4999 }, 'a'],
  ['not one whose agent is gone', { presence: undefined }, 'a'],
  ['not one whose replication is stopped', { presence: says('stopped') }, 'a'],
  ['not one that is dead', { presence: presence({ verdict: 'dead' }) }, 'a'],
  ['the intermediate still, when it is there already', { channel: below, fitForMs: 0 }, 'b'],
  ['also while its agent is gone and it is heard', { channel: below, presence: undefined }, 'b'],
  [
    'not when it is not heard either',
    { channel: channel({ source: from.endpoint, receiver: 'connecting' }), presence: undefined },
    'a',
  ],
  [
    'not when its mysqld is dead',
    {
      channel: channel({ source: from.endpoint, receiver: 'connecting' }),
      presence: presence({ verdict: 'dead' }),
    },
    'a',
  ],
  ['also when somebody stopped its replication', { channel: below, presence: says('stopped') }, 'b'],
  ['not when it cannot apply', { channel: below, presence: says('broken') }, 'a'],
  ['not when it has transactions of its own', { channel: below, presence: says('errant') }, 'a'],
  ['not when it replicates from nobody', { channel: below, presence: says('none') }, 'a'],
];

describe('a replica with an intermediate follows', () => {
  for (const [name, change, expected] of table)
    it(name, () => assert.equal(chooseSource(situation(change)).id, expected));
});
