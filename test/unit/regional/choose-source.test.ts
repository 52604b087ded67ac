import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseSource, sourcesOf, type SourceFacts } from '../../../src/core/regional/choose-source.ts';
import type { RegionalLink, RegionalSource } from '../../../src/core/regional/link.ts';
import type { Probe, ServerStatus } from '../../../src/ports/mysql.ts';
import { channel, down, gtids, up } from '../../support/group-builder.ts';

const theirs = 'aaaaaaaa-0000-0000-0000-00000000000';
const ours = 'bbbbbbbb-0000-0000-0000-000000000001';
const own = { host: '10.0.0.1', port: 3306 };

function source(n: number): RegionalSource {
  return { endpoint: { host: `10.1.0.${n}`, port: 3306 }, ssl: false };
}

/** Server n of the region; it has 1-9 of the region's first. */
function server(n: number, change: Partial<ServerStatus> = {}): Probe {
  return up({
    serverUuid: `${theirs}${n}`,
    serverId: 100 + n,
    executed: gtids('1-9', `${theirs}1`),
    ...change,
  });
}

function statusOf(probe: Probe): ServerStatus {
  assert.ok(probe.kind === 'up');
  return probe.status;
}

function facts(probes: readonly Probe[], change: Partial<SourceFacts> = {}): SourceFacts {
  const status = statusOf(up({ serverUuid: ours, serverId: 1, executed: gtids('1-5', `${theirs}1`) }));
  const link: RegionalLink = {
    group: 'g1',
    region: 'eu',
    source: undefined,
    only: [],
    ignore: [],
    uuids: [],
    accepted: '',
    version: 0,
  };
  return {
    link,
    members: [{ endpoint: own, status }],
    own: status,
    candidates: probes.map((probe, at) => ({ source: source(at + 1), probe })),
    writable: [],
    pick: 0,
    ...change,
  };
}

const chosenHost = (given: SourceFacts) => chooseSource(given).chosen?.source.endpoint.host;
const ownWith = (change: Partial<ServerStatus>) => statusOf(up({ serverUuid: ours, serverId: 1, ...change }));

describe('the source of a regional channel', () => {
  const both = [server(1), server(2)];

  it('is any of the healthy ones, by chance', () => {
    assert.equal(chosenHost(facts(both, { pick: 0.1 })), '10.1.0.1');
    assert.equal(chosenHost(facts(both, { pick: 0.9 })), '10.1.0.2');
  });

  it('is the recorded one while it does', () => {
    const link = { ...facts([]).link, source: source(2) };
    assert.equal(chosenHost(facts(both, { link })), '10.1.0.2');
    assert.equal(chosenHost(facts([server(1), down], { link })), '10.1.0.1');
  });

  it('is not the one that is lost, unless there is no other', () => {
    const link = { ...facts([]).link, source: source(1) };
    const leave = '10.1.0.1:3306';
    assert.equal(chosenHost(facts(both, { link, leave })), '10.1.0.2');
    assert.equal(chosenHost(facts([server(1), down], { link, leave })), '10.1.0.1');
  });

  it('may be any server of the region, and the recorded one, with TLS as that says', () => {
    const link = { ...facts([]).link, source: { ...source(1), ssl: true } };
    assert.deepEqual(sourcesOf(link, [source(1), source(2)]), [{ ...source(1), ssl: true }, source(2)]);
    assert.deepEqual(sourcesOf({ ...link, source: source(3) }, [source(1)]), [source(3), source(1)]);
    assert.deepEqual(sourcesOf({ ...link, source: undefined }, [source(1)]), [source(1)]);
  });

  it('may have forgotten what the primary has, and lack nothing of it', () => {
    const purged = gtids('1-5', `${theirs}1`);
    assert.equal(chosenHost(facts([server(1, { purged })])), '10.1.0.1');
  });

  it('knows the servers of the region by what was recorded and what answers', () => {
    const link = { ...facts([]).link, uuids: [`${theirs}7`, ours] };
    assert.deepEqual(chooseSource(facts(both, { link })).uuids, [`${theirs}1`, `${theirs}2`, `${theirs}7`]);
  });

  const more = { executed: gtids('1-12', `${theirs}1`) };
  const replica = channel({ source: source(1).endpoint });
  for (const [name, probe, change, fault, why] of [
    ['does not answer', down, {}, 'down', /does not answer/],
    [
      'is one of the group by another address',
      server(1, { serverUuid: ours }),
      {},
      'loop',
      /is 10.0.0.1:3306, a member/,
    ],
    ['shares a server_id with a member', server(1, { serverId: 1 }), {}, 'loop', /server_id 1/],
    [
      'is an ordinary replica of the group',
      server(1, { channels: [channel({ source: own })] }),
      {},
      'loop',
      /replica of 10.0.0.1/,
    ],
    [
      'receives from the same region',
      server(1, { channels: [channel({ name: 'region_eu' })] }),
      {},
      'loop',
      /none of its servers/,
    ],
    ['has no GTIDs', server(1, { gtidMode: 'OFF' }), {}, 'unfit', /gtid_mode/],
    [
      'is a replica that stands still',
      server(1, { channels: [{ ...replica, applier: 'off' }] }),
      {},
      'unfit',
      /does not replicate/,
    ],
    [
      'has purged what the primary lacks',
      server(1, { purged: gtids('1-6', `${theirs}1`) }),
      {},
      'gap',
      /1 transactions .*:6\)/,
    ],
    [
      'lacks what the primary has of the region',
      server(1),
      { own: ownWith(more) },
      'behind',
      /3 transactions .*:10-12\)/,
    ],
    [
      'holds what its own primary lacks',
      server(2, {
        channels: [replica],
        executed: `${gtids('1-9', `${theirs}1`)},${gtids('1', `${theirs}2`)}`,
      }),
      { writable: [statusOf(server(1))] },
      'errant',
      /2:1\), which the region's primary lacks/,
    ],
  ] as const) {
    it(`is no server that ${name}`, () => {
      const { chosen, rejected } = chooseSource(facts([probe], change));
      assert.equal(chosen, undefined);
      assert.equal(rejected[0]?.fault, fault);
      assert.match(rejected[0].why, why);
    });
  }

  it('is no member of the group, alive or not', () => {
    const members = [{ endpoint: source(1).endpoint, status: undefined }];
    assert.equal(chooseSource(facts([down], { members })).rejected[0]?.fault, 'loop');
  });

  it('lacks nothing that came over the channel from a third region either', () => {
    const third = gtids('1-3', 'cccccccc-0000-0000-0000-000000000001');
    const eu = channel({ name: 'region_eu', retrieved: third });
    const status = ownWith({ executed: third, channels: [eu] });
    assert.equal(chooseSource(facts([server(1)], { own: status })).rejected[0]?.fault, 'behind');
  });

  it('may lack what an operator has looked at and accepted', () => {
    const link = { ...facts([]).link, accepted: gtids('10-12', `${theirs}1`) };
    assert.equal(chosenHost(facts([server(1)], { own: ownWith(more), link })), '10.1.0.1');
  });
});
