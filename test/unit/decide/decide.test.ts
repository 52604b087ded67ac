import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide, type FailoverPolicy } from '../../../src/core/decide/decide.ts';
import type { SemiSyncPolicy } from '../../../src/core/decide/semi-sync.ts';
import type { Watermark } from '../../../src/core/model/group.ts';
import type { GroupSnapshot, MemberView } from '../../../src/core/model/snapshot.ts';
import { channel, down, member, presence, refused, snapshot, up, view } from '../../support/group-builder.ts';

const policy: FailoverPolicy = { automatic: true, cooldownMs: 600_000, stalledMs: 10_000, fleetMax: 3 };

const dead = view('a', { presence: presence({ verdict: 'dead', since: 99_990 }), probe: down });
const gone = view('a', { presence: undefined, probe: down });
const deaf = (id: string) => view(id, { probe: up({ channels: [channel({ receiver: 'connecting' })] }) });
const hearing = (id: string) =>
  view(id, { probe: up({ channels: [channel({ receiver: 'on', lastHeardMs: 200 })] }) });
const stale = (id: string) =>
  view(id, { probe: up({ channels: [channel({ receiver: 'on', lastHeardMs: 3500 })] }) });
/** Neither it nor its agent can be reached by anybody. */
const silent = (id: string) => view(id, { presence: undefined, probe: down });
/** Its agent vouches for it, and this observer does not reach it. */
const unseen = (id: string) => view(id, { probe: down });
const writable = (id: string) => view(id, { probe: up({ readOnly: false, superReadOnly: false }) });
const stalled = (dc?: string) =>
  view('a', {
    presence: presence({ verdict: 'stalled', since: 80_000 }),
    member: member('a', dc === undefined ? {} : { dc }),
  });
const inDc = (one: MemberView, dc: string): MemberView => ({ ...one, member: { ...one.member, dc } });
const required: SemiSyncPolicy = { mode: 'required', durability: 'any', acks: 0, timeoutMs: 1000 };

const waitingFor = (acks: number): Watermark => ({
  epoch: 4,
  executed: '',
  at: 0,
  semiSync: { on: 1, acks, clients: 0, waiting: 1, acknowledged: 0, unacknowledged: 0 },
});

const abc = (...members: GroupSnapshot['members']) => ({ members });

/** Name, what was seen, policy, and what is decided (with its reason). */
const table: [string, Partial<GroupSnapshot>, Partial<FailoverPolicy>, string][] = [
  ['leaves a healthy group alone', {}, {}, 'nothing'],
  ['leaves a group without a recorded primary alone', { primary: undefined }, {}, 'nothing'],
  [
    'fails over when the agent saw mysqld end and nobody answers',
    abc(dead, deaf('b'), deaf('c')),
    {},
    'failover primary-dead',
  ],
  [
    'alerts when the agent says dead but MySQL answers',
    abc(view('a', { ...dead, probe: up() }), deaf('b')),
    {},
    'alert heartbeat-lost',
  ],
  [
    'takes a refusal for a sign of life',
    abc(view('a', { presence: undefined, probe: refused }), deaf('b')),
    {},
    'alert heartbeat-lost',
  ],
  [
    'alerts when only the agent is gone',
    abc(view('a', { presence: undefined, probe: up() }), deaf('b')),
    {},
    'alert heartbeat-lost',
  ],
  ['waits while a replica still hears its source', abc(gone, hearing('b'), deaf('c')), {}, 'look-again'],
  [
    'does not believe a receiver that has not heard for seconds',
    abc(gone, stale('b'), deaf('c')),
    {},
    'failover primary-dead',
  ],
  [
    'fails over when the host is gone and no replica hears it',
    abc(gone, deaf('b'), deaf('c')),
    {},
    'failover primary-dead',
  ],
  [
    'waits when no replica can be asked, for it may be our own network',
    abc(gone, silent('b')),
    {},
    'look-again',
  ],
  [
    'waits while the agent is in doubt and MySQL is silent',
    abc(view('a', { presence: presence({ verdict: 'unknown' }) })),
    {},
    'look-again',
  ],
  [
    'alerts about a primary that has just stalled',
    abc(view('a', { presence: presence({ verdict: 'stalled', since: 95_000 }) }), deaf('b')),
    {},
    'alert stalled',
  ],
  [
    'fails over a primary that is stalled for long',
    abc(view('a', { presence: presence({ verdict: 'stalled', since: 80_000 }) }), deaf('b')),
    {},
    'failover primary-stalled',
  ],
  [
    'goes by its own clock, not by that of an agent that is an hour ahead',
    {
      ...abc(view('a', { presence: presence({ verdict: 'stalled', since: 3_700_000 }) }), deaf('b')),
      seenFor: { verdictMs: 10_000, failoverMs: 0 },
    },
    {},
    'failover primary-stalled',
  ],
  [
    'goes by its own clock, not by that of an agent that is an hour behind',
    {
      ...abc(view('a', { presence: presence({ verdict: 'stalled', since: -3_600_000 }) }), deaf('b')),
      seenFor: { verdictMs: 100, failoverMs: 0 },
    },
    {},
    'alert stalled',
  ],
  [
    'fails over a stalled primary where another one finds replicas that acknowledge',
    abc(stalled(), deaf('b'), deaf('c')),
    { semiSync: required },
    'failover primary-stalled',
  ],
  [
    'leaves a stalled primary when nobody would acknowledge the commits of another one either',
    abc(stalled(), deaf('b'), silent('c')),
    { semiSync: required },
    'refuse not-acknowledged',
  ],
  [
    'leaves it likewise when the data centre that acknowledges is gone',
    abc(stalled('east'), inDc(deaf('b'), 'east'), inDc(silent('c'), 'west')),
    { semiSync: { ...required, durability: 'other-dc' } },
    'refuse not-acknowledged',
  ],
  [
    'gives a primary that was just told not to wait any more the moment to heed that',
    { ...abc(stalled(), deaf('b'), silent('c')), watermark: waitingFor(1) },
    { semiSync: { ...required, mode: 'auto' } },
    'refuse not-acknowledged',
  ],
  [
    'fails over one that does not wait and cannot commit all the same',
    abc(stalled(), deaf('b'), silent('c')),
    { semiSync: { ...required, mode: 'auto' } },
    'failover primary-stalled',
  ],
  [
    'says first that an operator keeps it from acting at all',
    { ...abc(stalled(), deaf('b'), silent('c')), paused: true },
    { semiSync: required },
    'refuse paused',
  ],
  [
    'fails over a primary that died although no commit will be acknowledged: then writes are down anyway',
    abc(dead, deaf('b'), silent('c')),
    { semiSync: required },
    'failover primary-dead',
  ],
  [
    'lets a saturated primary work',
    abc(view('a', { presence: presence({ verdict: 'saturated' }) })),
    {},
    'nothing',
  ],
  [
    'alerts about two writable servers and moves nothing',
    abc(view('a', { ...writable('a') }), writable('b')),
    {},
    'alert two-primaries',
  ],
  ['leaves a paused group alone', { ...abc(dead, deaf('b')), paused: true }, {}, 'refuse paused'],
  ['does nothing by itself when told to', abc(dead, deaf('b')), { automatic: false }, 'refuse manual'],
  [
    'does not fail over twice within the cooldown',
    { ...abc(dead, deaf('b')), lastFailoverAt: 50_000 },
    {},
    'refuse cooldown',
  ],
  [
    'fails over again after the cooldown',
    { ...abc(dead, deaf('b')), lastFailoverAt: -600_000 },
    {},
    'failover primary-dead',
  ],
  [
    'does not wait for the hour of a failover that was recorded by a clock an hour ahead',
    {
      ...abc(dead, deaf('b')),
      lastFailoverAt: 3_700_000,
      seenFor: { verdictMs: 0, failoverMs: 600_000 },
    },
    {},
    'failover primary-dead',
  ],
  [
    'takes a failover of the future for one that has just been',
    { ...abc(dead, deaf('b')), lastFailoverAt: 3_700_000 },
    {},
    'refuse cooldown',
  ],
  [
    'holds when many groups are in trouble at once',
    { ...abc(dead, deaf('b')), recentFailovers: 3 },
    {},
    'refuse fleet-wide-trouble',
  ],
  ['has nobody to elect when no replica answers', abc(dead, silent('b')), {}, 'refuse no-candidate'],
  ['steps back when its own network is at fault', abc(gone, unseen('b')), {}, 'step-back'],
  [
    'steps back when it does not see most servers whose agents vouch for them',
    abc(dead, deaf('b'), unseen('c'), unseen('d')),
    {},
    'step-back',
  ],
  [
    'fails over when it sees as many of them as it does not',
    abc(gone, deaf('b'), unseen('c')),
    {},
    'failover primary-dead',
  ],
  [
    'goes on without the second replica of two',
    abc(gone, deaf('b'), silent('c')),
    {},
    'failover primary-dead',
  ],
  [
    'refuses when only one of three replicas could be asked what there is',
    abc(gone, deaf('b'), silent('c'), silent('d')),
    {},
    'refuse no-quorum',
  ],
  [
    'does not count a replica that may not be promoted, nor a paused one',
    abc(
      gone,
      deaf('b'),
      { ...silent('c'), paused: true },
      { ...silent('d'), member: member('d', { promote: 'no' }) },
    ),
    {},
    'failover primary-dead',
  ],
  [
    'goes on with one of three while the agent of the dead primary can tell what its binlog holds',
    abc(dead, deaf('b'), silent('c'), silent('d')),
    {},
    'failover primary-dead',
  ],
  [
    'requires as many as it is told to',
    abc(gone, deaf('b'), silent('c')),
    { quorum: 'majority' },
    'refuse no-quorum',
  ],
  [
    'has nobody to elect when no replica may be promoted',
    abc(dead, { ...deaf('b'), member: member('b', { promote: 'no' }) }),
    {},
    'refuse no-candidate',
  ],
];

describe('decision', () => {
  for (const [name, seen, limits, expected] of table) {
    it(name, () => {
      const decision = decide(snapshot(seen), { ...policy, ...limits });
      const { kind } = decision;
      const detail =
        kind === 'refuse'
          ? decision.reason
          : kind === 'alert'
            ? decision.alert
            : kind === 'failover'
              ? decision.cause
              : undefined;
      assert.equal(detail === undefined ? kind : `${kind} ${detail}`, expected);
    });
  }

  it('says what was seen, one line an observer', () => {
    const decision = decide(snapshot(abc(gone, deaf('b'), stale('c'))), policy);
    assert.deepEqual(decision.kind === 'failover' && decision.seen, [
      'agent of a: no presence',
      'coordinator: a does not answer, ECONNREFUSED',
      'b: receiver connecting, last heard 100 ms ago',
      'c: receiver on, last heard 3500 ms ago',
    ]);
  });
});
