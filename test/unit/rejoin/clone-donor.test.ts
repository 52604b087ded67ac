import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGtidSet } from '../../../src/core/gtid/gtid-set.ts';
import type { Member, PresenceRecord } from '../../../src/core/model/group.ts';
import {
  donorsInOrder,
  unfitByFacts,
  unfitByPresence,
  type DonorQuestion,
} from '../../../src/core/rejoin/clone-donor.ts';
import type { CloneFacts } from '../../../src/ports/clone.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

const member = (n: number, change: Partial<Member> = {}): Member => ({
  id: `10-0-0-${n}`,
  group: 'g1',
  endpoint: { host: `10.0.0.${n}`, port: 3306 },
  priority: 100,
  promote: 'yes',
  agent: { host: `10.0.0.${n}`, port: 7071 },
  ...change,
});

test('replicas of the same data centre are asked first, the primary last', () => {
  const members = [
    member(1, { dc: 'a' }),
    member(2, { dc: 'a' }),
    member(3, { dc: 'b' }),
    member(4, { dc: 'a' }),
    member(5, { dc: 'a', priority: 200 }),
  ];
  const order = donorsInOrder(members, { self: '10-0-0-1', primary: '10-0-0-2' });
  assert.deepEqual(
    order.map(({ id }) => id),
    ['10-0-0-5', '10-0-0-4', '10-0-0-3', '10-0-0-2'],
  );
});

const primary = { endpoint: { host: '10.0.0.2', port: 3306 }, isIt: false };
const presence: PresenceRecord = {
  verdict: 'up',
  since: 0,
  agent: '10.0.0.3:7071',
  version: '1',
  replication: { state: 'replicating', source: '10.0.0.2:3306' },
};

for (const [name, seen, why] of [
  ['replicates from the primary', presence, undefined],
  ['has no agent', undefined, /agent is gone/],
  ['is down', { ...presence, verdict: 'dead' }, /MySQL is dead/],
  ['returns itself', { ...presence, replication: { state: 'errant', source: '' } }, /errant/],
  [
    'follows another',
    { ...presence, replication: { state: 'replicating', source: 'x:1' } },
    /replication is/,
  ],
  [
    'is late',
    { ...presence, replication: { state: 'replicating', source: '10.0.0.2:3306', lagMs: 30_000 } },
    /30000 ms behind/,
  ],
] as const satisfies readonly (readonly [string, PresenceRecord | undefined, RegExp | undefined])[]) {
  test(`a donor that ${name} is ${why === undefined ? 'fit' : 'not fit for now'}`, () => {
    const unfit = unfitByPresence(seen, primary);
    assert.equal(unfit?.passes, why === undefined ? undefined : true);
    if (why !== undefined) assert.match(unfit?.why ?? '', why);
  });
}

test('the primary replicates from nobody', () => {
  assert.equal(
    unfitByPresence({ ...presence, replication: undefined }, { ...primary, isIt: true }),
    undefined,
  );
});

const facts: CloneFacts = {
  version: '9.7.4',
  isActive: true,
  executed: `${uuid}:1-7`,
  strangers: [],
  sizeBytes: 1000,
};
const question: DonorQuestion = {
  own: { ...facts, executed: `${uuid}:1-10` },
  donor: facts,
  primaryExecuted: parseGtidSet(`${uuid}:1-7`),
  errant: parseGtidSet(`${uuid}:8-10`),
  freeBytes: 500,
};
const versions = (own: string, donor: string): DonorQuestion => ({
  ...question,
  own: { ...question.own, version: own },
  donor: { ...facts, version: donor },
});
const burnt = parseGtidSet(`${uuid}:1-10`);

for (const [name, asked, why] of [
  ['a healthy one', question, undefined],
  ['another release of the series', versions('8.4.3', '8.4.6'), undefined],
  ['another series', versions('8.4.3', '9.7.4'), /9\.7\.4.*here is 8\.4\.3.*same series/],
  ['another minor version of 9', versions('9.6.0', '9.7.4'), /same series/],
  ['another early release of 8.0', versions('8.0.30', '8.0.40'), /same series/],
  ['late releases of 8.0', versions('8.0.37-debug', '8.0.40'), undefined],
  ['one that is too old', versions('8.0.16', '8.0.16'), /8\.0\.17 or newer/],
  [
    'one with a table of another engine',
    { ...question, donor: { ...facts, strangers: [{ table: 'app.m', engine: 'MyISAM' }] } },
    /empty.*app\.m \(MyISAM\)/,
  ],
  ['one that is too big', { ...question, donor: { ...facts, sizeBytes: 1501 } }, /1501 bytes.*room for 1500/],
  ['one whose host cannot be measured', { ...question, freeBytes: undefined }, undefined],
  [
    'one with transactions of its own',
    { ...question, donor: { ...facts, executed: `${uuid}:1-8` } },
    /:8, which/,
  ],
  [
    'one that has the burnt names',
    { ...question, donor: { ...facts, executed: `${uuid}:1-10` }, primaryExecuted: burnt },
    undefined,
  ],
] as const satisfies readonly (readonly [string, DonorQuestion, RegExp | undefined])[]) {
  test(`${name} is ${why === undefined ? 'a donor' : 'refused as a donor, with the reason'}`, () => {
    const unfit = unfitByFacts(asked);
    if (why === undefined) assert.equal(unfit, undefined);
    else assert.match(unfit?.why ?? '', why);
  });
}
