import assert from 'node:assert/strict';
import test from 'node:test';
import { DcmhaError } from '../../src/core/model/errors.ts';
import { RouterStage, ROUTER, SESSION_MS } from '../support/router-stage.ts';

async function started(groups?: readonly string[]): Promise<RouterStage> {
  const stage = new RouterStage();
  stage.start(groups);
  await stage.settle();
  return stage;
}

test('a router applies the route of each group, opens and acknowledges', async () => {
  const stage = await started();
  assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
  assert.equal(stage.inForce('g2'), '10.0.2.1:3306 open');
  assert.deepEqual(stage.ack('g1'), {
    version: 0,
    write: '10.0.1.1:3306',
    oldSessions: 0,
    leaseMs: SESSION_MS,
  });
  await stage.end();
});

test('in contact with ZooKeeper nobody is asked to accept the primary', async () => {
  const stage = await started();
  await stage.settle(20_000);
  assert.deepEqual(stage.accepted, []);
  await stage.end();
});

test('a new route is applied when it is published, and acknowledged with its version', async () => {
  const stage = await started();
  stage.publish('g1', '', '10.0.1.2:3306');
  await stage.settle();
  assert.equal(stage.inForce('g1'), 'closed');
  assert.deepEqual([stage.ack('g1')?.version, stage.ack('g1')?.write], [1, '']);
  stage.publish('g1', '10.0.1.2:3306', '10.0.1.3:3306');
  await stage.settle();
  assert.equal(stage.inForce('g1'), '10.0.1.2:3306 open');
  assert.deepEqual([stage.ack('g1')?.version, stage.ack('g1')?.write], [2, '10.0.1.2:3306']);
  await stage.end();
});

test('clients that are held go on when just their version of the route is released', async () => {
  const stage = await started();
  const held = (read: string) => {
    stage.zookeeper.put('/haproxy/g1', JSON.stringify({ read: [read], write: '10.0.1.2:3306', hold: 5000 }));
  };
  const push = (release?: number) => stage.call('push', { group: 'g1', release } as never);
  held('10.0.1.1:3306');
  const inForce = { version: 1, write: '10.0.1.2:3306', oldSessions: 0, held: true };
  assert.deepEqual(await push(), inForce);
  assert.deepEqual(await push(0), inForce);
  assert.deepEqual(await push(1), { ...inForce, held: false });
  // A release may be heard of before its route.
  await push(2);
  held('10.0.1.3:3306');
  assert.deepEqual(await push(), { ...inForce, version: 2, held: false });
  held('10.0.1.1:3306');
  assert.deepEqual(await push(), { ...inForce, version: 3 });
  await stage.end();
});

test('a push applies at once and answers what is in force', async () => {
  const stage = await started();
  stage.publish('g2', '10.0.2.3:3306', '10.0.2.2:3306');
  const answer = await stage.call('push', { group: 'g2' } as never);
  assert.deepEqual(answer, { version: 1, write: '10.0.2.3:3306', oldSessions: 0, held: false });
  await assert.rejects(stage.call('push', { group: 'nope' } as never), {
    code: 'PEER_REFUSED',
    message: /does not serve the group "nope"/,
  });
  const { groups } = (await stage.call('status', {} as never)) as {
    groups: { group: string; haproxyPid?: number }[];
  };
  assert.deepEqual(
    groups.map(({ group, haproxyPid }) => [group, haproxyPid]),
    [
      ['g1', 101],
      ['g2', 101],
    ],
  );
  await stage.end();
});

test('a malformed route leaves the last good one in force and acknowledged, and is told once', async () => {
  const stage = await started();
  for (const garbage of ['{"read": [', "__import__('os')", '\u0000\u00ff', '{"read": ["x"], "write": ""}']) {
    stage.zookeeper.put('/haproxy/g1', garbage);
    await stage.settle();
    assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
    assert.equal(stage.ack('g1')?.version, 0);
  }
  const told = stage.log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields['what']);
  assert.deepEqual(told, ['route', 'route', 'route', 'route']);
  stage.publish('g1', '10.0.1.3:3306');
  await stage.settle();
  assert.equal(stage.inForce('g1'), '10.0.1.3:3306 open');
  await stage.end();
});

test('old sessions that do not end are acknowledged as such, and cut until they are gone', async () => {
  const stage = await started();
  const haproxy = stage.haproxies.get('g1')!;
  haproxy.connect();
  haproxy.stubborn = 1;
  stage.publish('g1', '', '10.0.1.2:3306');
  await stage.settle();
  assert.deepEqual(
    [stage.ack('g1')?.version, stage.ack('g1')?.write, stage.ack('g1')?.oldSessions],
    [1, '', 1],
  );
  haproxy.stubborn = 0;
  await stage.settle(1000);
  assert.equal(stage.ack('g1')?.oldSessions, 0);
  await stage.end();
});

test('a group whose haproxy fails closes at the lease port, and does not disturb the other', async () => {
  const stage = await started();
  stage.proxies.get('g1')!.failure = new DcmhaError('TIMED_OUT', 'haproxy did not answer');
  stage.publish('g1', '', '10.0.1.2:3306');
  stage.publish('g2', '10.0.2.2:3306', '10.0.2.3:3306');
  await stage.settle();
  assert.equal(stage.isOpen('g1'), false);
  assert.equal(stage.ack('g1')?.version, 0);
  assert.equal(stage.inForce('g2'), '10.0.2.2:3306 open');
  stage.proxies.get('g1')!.failure = undefined;
  await stage.settle(1000);
  assert.deepEqual([stage.ack('g1')?.version, stage.inForce('g1')], [1, 'closed']);
  await stage.end();
});

test('a group that cannot be served is named; the others are served', async () => {
  const stage = await started(['g3', 'g2']);
  assert.equal(stage.inForce('g2'), '10.0.2.1:3306 open');
  assert.ok(
    stage.log.lines.some(
      ({ message, fields }) => message === 'group is not served' && fields['group'] === 'g3',
    ),
  );
  await stage.end();
});

test('cut off from ZooKeeper, a router stays open as long as all who could be promoted accept', async () => {
  const stage = await started();
  stage.coordination.cutOff();
  for (let second = 0; second < 30; second++) {
    await stage.settle(1000);
    assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open', `after ${second + 1} s`);
  }
  assert.deepEqual([...new Set(stage.accepted)].sort(), [
    '10.0.1.2 accepts 10-0-1-1 of g1 epoch 0',
    '10.0.1.3 accepts 10-0-1-1 of g1 epoch 0',
    '10.0.2.2 accepts 10-0-2-1 of g2 epoch 0',
    '10.0.2.3 accepts 10-0-2-1 of g2 epoch 0',
  ]);
  await stage.end();
});

test('one refusal closes the write side before ZooKeeper could end the session; reads stay, other groups, too', async () => {
  const stage = await started();
  await stage.settle(5000);
  stage.refusing.add('10.0.1.3');
  const haproxy = stage.haproxies.get('g1')!;
  const session = haproxy.connect();
  const cutAt = stage.clock.monotonic();
  stage.coordination.cutOff();
  await stage.clock.runUntil(() => haproxy.inForce.write === undefined, SESSION_MS);
  assert.ok(stage.clock.monotonic() - cutAt < SESSION_MS * 0.76, 'closed while the session surely stands');
  assert.equal(stage.isOpen('g1'), false);
  assert.equal(session?.isOpen(), false);
  assert.deepEqual(stage.proxies.get('g1')!.reads(), ['10.0.1.2:3306']);
  assert.equal(stage.inForce('g2'), '10.0.2.1:3306 open');
  await stage.end();
});

test('a silent agent closes it likewise', async () => {
  const stage = await started();
  stage.peers.kill({ host: '10.0.1.2', port: 7071 });
  stage.coordination.cutOff();
  await stage.settle(SESSION_MS);
  assert.equal(stage.inForce('g1'), 'closed');
  await stage.end();
});

test('back in contact it opens again, if the route then says so', async () => {
  const stage = await started();
  stage.refusing.add('10.0.1.3').add('10.0.2.3');
  stage.coordination.cutOff();
  await stage.settle(SESSION_MS);
  stage.coordination.expire();
  stage.publish('g2', '', '10.0.2.2:3306');
  assert.equal(stage.ack('g1'), undefined);
  stage.coordination.reconnect();
  await stage.settle(500);
  assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
  assert.deepEqual([stage.ack('g1')?.version, stage.ack('g1')?.write], [0, '10.0.1.1:3306']);
  assert.equal(stage.inForce('g2'), 'closed');
  assert.deepEqual([stage.ack('g2')?.version, stage.ack('g2')?.write], [1, '']);
  await stage.end();
});

test('a session that expires under a connected router is replaced without closing', async () => {
  const stage = await started();
  stage.coordination.expire();
  for (let i = 0; i < 20; i++) {
    await stage.settle(100);
    assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
  }
  assert.equal(stage.ack('g1')?.version, 0);
  await stage.end();
});

test('a route that does not write to the recorded primary is not vouched for without ZooKeeper', async () => {
  const stage = await started();
  stage.zookeeper.put('/master/g1', '10-0-1-2');
  await stage.settle();
  stage.coordination.cutOff();
  await stage.settle(SESSION_MS);
  assert.equal(stage.inForce('g1'), 'closed');
  assert.equal(stage.inForce('g2'), '10.0.2.1:3306 open');
  await stage.end();
});

test('a router that ends leaves haproxy and its sessions to the next, and its acknowledgement to its session', async () => {
  const stage = await started(['g1']);
  const haproxy = stage.haproxies.get('g1')!;
  const session = haproxy.connect();
  await stage.end();
  assert.notEqual(haproxy.pid, undefined);
  assert.notEqual(stage.ack('g1'), undefined);
  assert.equal(stage.isOpen('g1'), false);
  // Its process is gone; its session is not yet.
  stage.coordination.cutOff();
  const before = stage.zookeeper.node(`/route-ack/g1/${ROUTER}`)?.owner;
  stage.start(['g1']);
  await stage.settle();
  assert.equal(session?.isOpen(), true);
  assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
  assert.notEqual(stage.zookeeper.node(`/route-ack/g1/${ROUTER}`)?.owner, before);
  await stage.end();
});

test('started while ZooKeeper is away it opens nothing, and comes up when it is back', async () => {
  const stage = new RouterStage();
  stage.start(['g1']);
  stage.coordination.cutOff();
  await stage.settle(20_000);
  assert.equal(stage.inForce('g1'), 'closed');
  stage.coordination.reconnect();
  await stage.settle(500);
  assert.equal(stage.inForce('g1'), '10.0.1.1:3306 open');
  await stage.end();
});

test("a group's own settings say how its reads are spread, at once, and no other group's", async () => {
  const stage = new RouterStage();
  stage.dc = 'east';
  for (const n of [1, 2])
    stage.zookeeper.put(`/meta/host/10-0-${n}-2`, `{"group": "g${n}", "port": 3306, "dc": "east"}`);
  const lag = (lagMs: number) =>
    stage.zookeeper.put(
      '/online-list/10-0-1-2',
      JSON.stringify({
        verdict: 'up',
        since: 0,
        agent: 'a',
        version: '1',
        replication: { state: 'replicating', source: '10.0.1.1:3306', lagMs },
      }),
    );
  const [local, backup] = ['-', '- backup'];
  const usual = { '10.0.1.1': backup, '10.0.1.2': local, '10.0.1.3': backup };
  lag(2000);
  stage.start();
  await stage.settle();
  assert.deepEqual(stage.readers('g1'), usual);
  stage.zookeeper.put('/policy/g1', JSON.stringify({ router: { reads: 'all' } }));
  await stage.settle();
  assert.deepEqual(stage.readers('g1'), { '10.0.1.1': local, '10.0.1.2': local, '10.0.1.3': local });
  assert.deepEqual(Object.values(stage.readers('g2')), [backup, local, backup]);
  const own = { router: { weights: 'by-lag' }, lag: { returnMs: 1000, evictMs: 3000 } };
  stage.zookeeper.put('/policy/g1', JSON.stringify(own));
  await stage.settle();
  assert.deepEqual(stage.readers('g1'), {
    '10.0.1.1': '100 backup',
    '10.0.1.2': '50',
    '10.0.1.3': '100 backup',
  });
  lag(2500);
  await stage.settle();
  assert.equal(stage.readers('g1')['10.0.1.2'], '25');
  stage.zookeeper.put('/policy/g1', '{"router": {"weights": "by-mood"}}');
  await stage.settle();
  assert.equal(stage.readers('g1')['10.0.1.2'], '25', 'what cannot be read changes nothing');
  stage.zookeeper.put('/policy/g1', '{}');
  await stage.settle();
  assert.deepEqual(stage.readers('g1'), usual);
  await stage.end();
});
