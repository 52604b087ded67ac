import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideReplication, replicationHealth } from '../../../src/core/decide/replication.ts';
import type { ChannelStatus, ServerStatus } from '../../../src/ports/mysql.ts';

const primary = { host: '10.0.0.1', port: 3306 };

function replica(change: Partial<ChannelStatus> | undefined): ServerStatus {
  const channel: ChannelStatus = {
    name: '',
    source: primary,
    receiver: 'on',
    applier: 'on',
    retrieved: '',
    lagSeconds: 0,
    receiverError: undefined,
    applierError: undefined,
    lastHeardMs: 5,
    ...change,
  };
  return {
    serverUuid: 'u',
    serverId: 2,
    version: '9.7.4',
    readOnly: true,
    superReadOnly: true,
    gtidMode: 'ON',
    executed: '',
    purged: '',
    channels: change === undefined ? [] : [channel],
  };
}

const off = { receiver: 'off', applier: 'off' } as const;
const elsewhere = { source: { host: '10.0.0.9', port: 3306 } };

for (const [name, status, fresh, decision] of [
  ['a running channel to the primary is left alone', replica({}), true, 'leave'],
  ['one that is only connecting, too', replica({ receiver: 'connecting' }), true, 'leave'],
  ['after a restart of mysqld it is started', replica(off), true, 'start'],
  ['a channel that somebody stopped later stays stopped', replica(off), false, 'leave'],
  ['without a channel the primary is followed', replica(undefined), false, 'follow'],
  ['a channel to somebody else is pointed at the primary', replica(elsewhere), false, 'follow'],
  ['a named channel is not the default one', replica({ name: 'region' }), false, 'follow'],
] as const) {
  test(name, () => assert.equal(decideReplication(status, primary, { fresh }), decision));
}

for (const [name, status, state] of [
  ['both threads on and attached is replicating', replica({}), 'replicating'],
  ['a receiver that is trying is connecting', replica({ receiver: 'connecting' }), 'connecting'],
  ['threads off without an error are stopped', replica(off), 'stopped'],
  ['an applier on an error is broken', replica({ applier: 'off', applierError: '1062' }), 'broken'],
  ['a receiver on an error is broken', replica({ receiver: 'off', receiverError: '13114' }), 'broken'],
  ['no channel is none', replica(undefined), 'none'],
] as const) {
  test(name, () => assert.equal(replicationHealth(status).state, state));
}
