import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChannelHealth } from '../../../src/core/model/group.ts';
import { assessChannel } from '../../../src/core/regional/assess.ts';
import { channelHealth, type ChannelMemory } from '../../../src/core/regional/health.ts';
import type { ChannelStatus } from '../../../src/ports/mysql.ts';
import { channel } from '../../support/group-builder.ts';

const running = channel({ name: 'region_eu', source: { host: '10.1.0.1', port: 3306 } });
const off = { ...running, receiver: 'off', applier: 'off' } as const;
const open = { writable: true };

/** The states of a channel as it was seen one look after the other. */
function states(...seen: readonly (readonly [ChannelStatus, boolean])[]): string[] {
  let memory: ChannelMemory | undefined;
  return seen.map(([status, writable]) => {
    memory = channelHealth(status, memory, { writable });
    return memory.health.state;
  });
}

describe('the health of a regional channel', () => {
  it('tells a channel that somebody stopped from one that nobody has started yet', () => {
    assert.deepEqual(states([off, true], [running, true], [off, true]), ['idle', 'replicating', 'stopped']);
  });

  it('takes what a fence stopped for not started', () => {
    const fenced = { ...running, applier: 'off' } as const;
    assert.deepEqual(states([running, true], [fenced, false], [fenced, true]), [
      'replicating',
      'idle',
      'idle',
    ]);
  });

  it('tells which side stopped on an error', () => {
    assert.deepEqual(
      states(
        [{ ...running, applier: 'off', applierError: '1062: Duplicate entry' }, true],
        [{ ...running, receiver: 'off', receiverError: '13114: purged' }, true],
        [{ ...running, receiver: 'connecting', receiverError: '2003: no' }, true],
      ),
      ['broken', 'refused', 'connecting'],
    );
  });

  it('does not count attempts, which would be news every second', () => {
    const receiverError =
      "2003: Error connecting to source 'repl@10.1.0.1:3306'. This was attempt 7/86400, with a delay of 1 seconds between attempts. Message: Can't connect";
    const { health } = channelHealth({ ...running, receiver: 'connecting', receiverError }, undefined, open);
    assert.equal(
      health.error,
      "2003: Error connecting to source 'repl@10.1.0.1:3306'. Message: Can't connect",
    );
  });
});

describe('what is to be done about a regional channel', () => {
  const link = {
    group: 'g1',
    region: 'eu',
    source: { endpoint: { host: '10.1.0.1', port: 3306 }, ssl: false },
    only: [],
    ignore: [],
    uuids: [],
    accepted: '',
    version: 0,
  };
  const health = (state: ChannelHealth['state'], source = '10.1.0.1:3306'): ChannelHealth => ({
    name: 'region_eu',
    source,
    state,
  });
  const graceMs = 3000;
  for (const [name, seen, unwellMs, kind] of [
    ['a channel that is not there is set up', undefined, 0, 'due'],
    ['one that works is left alone', health('replicating'), 0, 'fine'],
    ['one with another source than recorded is moved', health('replicating', '10.1.0.2:3306'), 0, 'due'],
    ['one that was never started is started', health('idle'), 0, 'due'],
    ['one that somebody stopped stays stopped', health('stopped'), 0, 'stopped'],
    ['an applier on an error is not helped by another source', health('broken'), 9000, 'broken'],
    ['a source may be away for a moment', health('connecting'), 2999, 'wait'],
    ['a source that is away for longer is left', health('connecting'), 3000, 'due'],
    ['a source that refuses is left, too', health('refused'), 3000, 'due'],
  ] as const) {
    it(name, () => assert.equal(assessChannel(link, seen, { unwellMs, graceMs }).kind, kind));
  }

  it('says which source is to be left', () => {
    const verdict = assessChannel(link, health('refused'), { unwellMs: 3000, graceMs });
    assert.equal(verdict.kind === 'due' && verdict.leave, '10.1.0.1:3306');
  });
});
