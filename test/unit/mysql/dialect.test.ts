import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialectOf, forChannel } from '../../../src/adapters/mysql/dialect.ts';
import { channelStatus, parseReplicaRow } from '../../../src/adapters/mysql/replica-status.ts';

test('each generation of servers gets its own words', () => {
  const words = (version: string): string => {
    const { replica, changeSource, source, publicKey, netTimeoutVariable } = dialectOf(version);
    return [replica, changeSource, source, String(publicKey), netTimeoutVariable].join('|');
  };
  const old = 'CHANGE MASTER TO|MASTER';
  const current = 'CHANGE REPLICATION SOURCE TO|SOURCE|true';
  const table: readonly (readonly [string, string])[] = [
    ['5.7.44-log', `SLAVE|${old}|false|slave_net_timeout`],
    ['8.0.3', `SLAVE|${old}|false|slave_net_timeout`],
    ['8.0.21', `SLAVE|${old}|true|slave_net_timeout`],
    ['8.0.22', `REPLICA|${old}|true|slave_net_timeout`],
    ['8.0.23', `REPLICA|${current}|slave_net_timeout`],
    ['8.0.26', `REPLICA|${current}|replica_net_timeout`],
    ['8.0.100', `REPLICA|${current}|replica_net_timeout`],
    ['8.4.5-debug', `REPLICA|${current}|replica_net_timeout`],
    ['9.7.4-2', `REPLICA|${current}|replica_net_timeout`],
    ['10.0.0', `REPLICA|${current}|replica_net_timeout`],
    ['something else', `SLAVE|${old}|false|slave_net_timeout`],
  ];
  for (const [version, expected] of table) assert.equal(words(version), expected, version);
});

test('a channel name that would need escaping is refused', () => {
  assert.equal(forChannel(''), "FOR CHANNEL ''");
  assert.equal(forChannel('region_eu-1.a'), "FOR CHANNEL 'region_eu-1.a'");
  for (const name of ["x'; DROP", 'a b', 'ü', 'x'.repeat(65), '\n']) {
    assert.throws(() => forChannel(name), { code: 'USAGE' });
  }
});

const row = {
  Channel_Name: '',
  Source_Host: '10.0.0.1',
  Source_Port: 3306,
  Source_User: 'repl',
  Source_SSL_Allowed: 'No',
  Connect_Retry: 1,
  Source_Retry_Count: 86400,
  Auto_Position: 1,
  Replica_IO_Running: 'Yes',
  Replica_SQL_Running: 'Yes',
  Retrieved_Gtid_Set: 'a:1-2,\nb:3',
  Seconds_Behind_Source: 0,
  Last_IO_Errno: 0,
  Last_IO_Error: '',
  Last_SQL_Errno: 0,
  Last_SQL_Error: '',
  Replica_IO_State: 'Waiting for source to send event',
};

test('a row is read alike by its new column names and by its old ones', () => {
  const oldNames = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replace('Source_', 'Master_').replace('_Source', '_Master').replace('Replica_', 'Slave_'),
      value,
    ]),
  );
  assert.ok(
    'Seconds_Behind_Master' in oldNames && 'Slave_IO_Running' in oldNames && 'Master_Host' in oldNames,
  );
  const parsed = parseReplicaRow(row);
  assert.ok(parsed);
  assert.deepEqual(parseReplicaRow(oldNames), parsed);
  assert.deepEqual(channelStatus(parsed, 250), {
    name: '',
    source: { host: '10.0.0.1', port: 3306 },
    receiver: 'on',
    applier: 'on',
    retrieved: 'a:1-2,b:3',
    lagSeconds: 0,
    receiverError: undefined,
    applierError: undefined,
    lastHeardMs: 250,
  });
});

test('threads, lag and errors are told as they are', () => {
  const status = (changes: object) => {
    const parsed = parseReplicaRow({ ...row, ...changes });
    assert.ok(parsed);
    return channelStatus(parsed, undefined);
  };
  assert.equal(status({ Replica_IO_Running: 'Connecting' }).receiver, 'connecting');
  assert.equal(status({ Replica_IO_Running: 'No' }).receiver, 'off');
  assert.equal(status({ Replica_SQL_Running: 'No' }).applier, 'off');
  assert.equal(status({ Seconds_Behind_Source: null }).lagSeconds, undefined);
  assert.equal(status({ Seconds_Behind_Source: '17' }).lagSeconds, 17);
  assert.equal(status({ Last_IO_Errno: 1236, Last_IO_Error: 'purged' }).receiverError, '1236: purged');
  assert.equal(status({ Last_SQL_Errno: 1062, Last_SQL_Error: 'dup' }).applierError, '1062: dup');
});

test('the row of a default channel that was reset is none', () => {
  assert.equal(parseReplicaRow({ ...row, Source_Host: '' }), undefined);
  assert.equal(parseReplicaRow({ ...row, Source_Host: null }), undefined);
});
