import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { doubtsAboutHandwork, type FoundMember } from '../../../src/core/decide/by-hand.ts';
import type { ServerStatus } from '../../../src/ports/mysql.ts';
import { channel, down, gtids, member, presence, refused, up } from '../../support/group-builder.ts';

const found = (id: string, probe: FoundMember['probe'], more: Partial<FoundMember> = {}): FoundMember => ({
  member: member(id),
  presence: presence(),
  probe,
  paused: false,
  ...more,
});
const writer = (change: Partial<ServerStatus> = {}) =>
  up({ readOnly: false, superReadOnly: false, executed: gtids('1-10'), ...change });
const below = (id: string, change: Partial<ServerStatus> = {}) =>
  up({ executed: gtids('1-9'), channels: [channel({ source: member(id).endpoint })], ...change });

/** Name, what was found of a (the named one), b and c, and what is doubted. */
const table: [string, FoundMember[], RegExp[]][] = [
  ['is content with one writer and its replicas', [found('a', writer()), found('b', below('a'))], []],
  [
    'counts a replica of a replica',
    [found('a', writer()), found('b', below('a')), found('c', below('b'))],
    [],
  ],
  ['refuses a server that is read-only', [found('a', up())], [/^a is read-only/]],
  ['refuses one that does not answer', [found('a', down)], [/^a does not answer/]],
  [
    'refuses one that still replicates',
    [found('a', writer({ channels: [channel({ source: member('b').endpoint })] }))],
    [/^a still replicates from 127\.0\.0\.12:3306/],
  ],
  [
    'refuses beside another writer',
    [found('a', writer()), found('b', writer())],
    [/^b is writable, too: SET GLOBAL super_read_only = ON/],
  ],
  [
    'refuses when a replica follows somebody else',
    [found('a', writer()), found('b', below('c')), found('c', below('b'))],
    [
      /^b replicates from 127\.0\.0\.13:3306, not from a/,
      /^c replicates from 127\.0\.0\.12:3306, not from a/,
    ],
  ],
  [
    'refuses when a member replicates from nobody',
    [found('a', writer()), found('b', up())],
    [/^b does not replicate/],
  ],
  [
    'refuses when replication is stopped',
    [found('a', writer()), found('b', up({ channels: [channel({ receiver: 'off' })] }))],
    [/^replication is stopped on b/],
  ],
  [
    'refuses when a replica holds more than its new primary',
    [found('a', writer()), found('b', below('a', { executed: gtids('1-11') }))],
    [new RegExp(`^b has executed what a lacks: ${gtids('11')}$`)],
  ],
  ['lets a member be dead for certain', [found('a', writer()), found('b', down)], []],
  [
    'does not take silence for death',
    [found('a', writer()), found('b', { kind: 'down', code: 'ETIMEDOUT', message: 'timed out' })],
    [/^b does not answer, so it may be taking writes/],
  ],
  [
    'takes the word of an agent that saw it die',
    [
      found('a', writer()),
      found(
        'b',
        { kind: 'down', code: 'ETIMEDOUT', message: 'timed out' },
        { presence: presence({ verdict: 'dead' }) },
      ),
    ],
    [],
  ],
  ['takes a refusal for a sign of life', [found('a', writer()), found('b', refused)], [/^b does not answer/]],
  ['asks nothing of a paused host', [found('a', writer()), found('b', up(), { paused: true })], []],
];

describe('what an operator did by hand', () => {
  for (const [name, members, doubts] of table) {
    it(name, () => {
      const said = doubtsAboutHandwork('a', members);
      assert.equal(said.length, doubts.length, said.join('\n'));
      doubts.forEach((doubt, at) => assert.match(said[at] ?? '', doubt));
    });
  }
});
