import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/core/model/errors.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { AgentStage, type AgentHost } from '../support/agent-stage.ts';

function refusal(reason: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(hasCode(error, 'PEER_REFUSED'), String(error));
    assert.equal(error.details['reason'], reason);
    return true;
  };
}

async function verdictOf(host: AgentHost): Promise<string | undefined> {
  return (await host.presence())?.verdict;
}

test('a recorded primary that boots read-only is opened, and only it', async () => {
  const stage = await AgentStage.running();
  assert.deepEqual(
    stage.hosts.map(({ writable }) => writable),
    [true, false, false],
  );
  const watermark = stage.zookeeper.node(znodes.watermark('g1'))?.data.toString() ?? '';
  assert.equal((JSON.parse(watermark) as { epoch: number }).epoch, 0);
  assert.deepEqual(await Promise.all(stage.hosts.map(verdictOf)), ['up', 'up', 'up']);
  await stage.end();
});

test('whoever is writable without being recorded is closed', async () => {
  const stage = await AgentStage.running();
  const intruder = stage.host(2).server;
  intruder.superReadOnly = intruder.readOnly = false;
  intruder.sessions = 3;
  await stage.clock.runUntil(() => intruder.superReadOnly);
  assert.equal(intruder.sessions, 0);
  await stage.end();
});

test('a group without a record is left as it is, and becomes a primary and replicas with its first record', async () => {
  const stage = await AgentStage.make();
  for (const { server } of stage.hosts) server.superReadOnly = server.readOnly = false;
  for (const host of stage.hosts) host.start();
  await stage.clock.runFor(10_000);
  assert.ok(stage.hosts.every(({ writable }) => writable));
  stage.record(stage.host(2));
  await stage.clock.runFor(2000);
  assert.deepEqual(
    stage.hosts.map(({ writable }) => writable),
    [false, true, false],
  );
  await stage.end();
});

test('death of mysqld is published at once; it is opened again when it returns', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  for (const afterMs of [0, 170, 340]) {
    await stage.clock.runFor(afterMs);
    stage.world.stop(primary.server);
    await stage.clock.runFor(10);
    const { verdict, writable } = (await primary.presence()) ?? {};
    assert.deepEqual([verdict, writable], ['dead', false]);
    await stage.clock.runFor(5000);
    stage.world.start(primary.server);
    const took = await stage.clock.runUntil(() => primary.writable);
    assert.ok(took < 200, `${took} ms`);
    await stage.clock.runFor(5000);
  }
  await stage.end();
});

for (const [name, obstacle] of [
  ['while a plan is running', (stage: AgentStage) => stage.planBegins()],
  ['while the group is paused', (stage: AgentStage) => stage.pause()],
  ['when another was recorded meanwhile', (stage: AgentStage) => void stage.record(stage.host(2))],
  [
    'when it was fenced',
    (stage: AgentStage) => stage.host(1).call('fence', { group: 'g1', epoch: stage.epoch() }),
  ],
] as const) {
  test(`a primary that returns is not opened ${name}`, async () => {
    const stage = await AgentStage.running();
    const primary = stage.host(1);
    stage.world.stop(primary.server);
    await stage.clock.runFor(100);
    await obstacle(stage);
    stage.world.start(primary.server);
    await stage.clock.runFor(20_000);
    assert.equal(primary.writable, false);
    assert.equal(primary.server.calls.filter((call) => call === 'openWrites').length, 1, 'only at the start');
    await stage.end();
  });
}

test('a plan opens the new primary, once recorded; asking again changes nothing', async () => {
  const stage = await AgentStage.running();
  stage.planBegins();
  await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  const epoch = stage.record(stage.host(2));
  assert.equal(stage.host(2).writable, false);
  await stage.host(2).call('openWrites', { group: 'g1', epoch });
  await stage.host(2).call('openWrites', { group: 'g1', epoch });
  assert.deepEqual(
    stage.hosts.map(({ writable }) => writable),
    [false, true, false],
  );
  assert.equal(stage.host(2).server.calls.filter((call) => call === 'openWrites').length, 1);
  await stage.clock.runFor(60_000);
  assert.equal((await stage.host(1).call('status', {})).epoch, undefined, 'the old one keeps no lease');
  assert.equal((await stage.host(2).call('status', {})).epoch, epoch);
  assert.equal(stage.host(2).writable, true);
  await stage.end();
});

test('a mysqld that came back before anybody could look is seen to be another one', async () => {
  const stage = await AgentStage.running();
  const replica = stage.host(2);
  stage.world.stop(replica.server);
  stage.world.start(replica.server);
  await stage.clock.runUntil(() => replica.server.channels.get('')?.receiverOn === true, 2000);
  await stage.end();
});

for (const [name, n, group, epoch, reason] of [
  ['of another host', 2, 'g1', 0, 'not-recorded'],
  ['of a past epoch', 1, 'g1', -1, 'past-epoch'],
  ['of an epoch to come', 1, 'g1', 1, 'stale-epoch'],
  ['of another group', 1, 'g2', 0, 'other-group'],
] as const) {
  test(`a request to open is refused: ${name}`, async () => {
    const stage = await AgentStage.running();
    await assert.rejects(stage.host(n).call('openWrites', { group, epoch }), refusal(reason));
    await stage.end();
  });
}

test('a fence says what it did, is remembered over a restart of the agent, and ends with a newer epoch', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.server.sessions = 4;
  stage.planBegins();
  assert.deepEqual(await primary.call('fence', { group: 'g1', epoch: 0 }), {
    kind: 'read-only',
    killed: 4,
    executed: '',
  });
  primary.kill();
  primary.start();
  stage.planEnds();
  await stage.clock.runFor(20_000);
  assert.equal(primary.writable, false);
  await assert.rejects(primary.call('openWrites', { group: 'g1', epoch: 0 }), refusal('fenced-epoch'));
  // An undone switchover records the old primary again, under an epoch of its own.
  stage.record(primary);
  await stage.clock.runUntil(() => primary.writable);
  await stage.end();
});

test('a fence of a server whose process is gone says so', async () => {
  const stage = await AgentStage.running();
  stage.world.stop(stage.host(1).server);
  const evidence = await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  assert.equal(evidence.kind, 'process-gone');
  await stage.end();
});

test('a pid file that is not of this server proves nothing', async () => {
  const stage = await AgentStage.running();
  stage.host(1).wrongPidFile = true;
  const evidence = await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  assert.equal(evidence.kind, 'read-only');
  assert.equal(stage.host(1).writable, false);
  await stage.end();
});

test('a mysqld that does not obey a fence is killed, unless that is forbidden', async () => {
  const stage = await AgentStage.running();
  const { server } = stage.host(1);
  server.state = { kind: 'hung' };
  await assert.rejects(stage.host(1).call('fence', { group: 'g1', epoch: 0, mayKill: false }));
  assert.equal(server.state.kind, 'hung');
  const evidence = await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  assert.equal(evidence.kind, 'process-gone');
  assert.equal(server.calls.at(-1), 'SIGKILL');
  await stage.end();
});

test('a mysqld that is halted is stalled at the first look, and killed by a fence without being asked', async () => {
  const stage = await AgentStage.running();
  const { server } = stage.host(1);
  server.state = { kind: 'hung' };
  stage.host(1).halted = true;
  // An interval, and the deadline of one check.
  await stage.clock.runFor(1600);
  assert.equal(await verdictOf(stage.host(1)), 'stalled');
  const evidence = await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  assert.deepEqual([evidence.kind, server.calls.at(-1)], ['process-gone', 'SIGKILL']);
  await stage.end();
});

for (const fenceFirst of [true, false]) {
  test(`a fence and a request to open at the same moment leave it closed, ${fenceFirst ? 'fence' : 'open'} first`, async () => {
    const stage = await AgentStage.running();
    const { server } = stage.host(1);
    stage.planBegins();
    stage.world.stop(server);
    stage.world.start(server);
    const epoch = stage.record(stage.host(1));
    const asks = [
      () => stage.host(1).call('fence', { group: 'g1', epoch }),
      () => stage.host(1).call('openWrites', { group: 'g1', epoch }),
    ];
    await Promise.allSettled((fenceFirst ? asks : asks.toReversed()).map((ask) => ask()));
    await stage.clock.runFor(5000);
    assert.equal(server.superReadOnly, true);
    const said = stage.host(1).log.lines.map(({ message }) => message);
    assert.ok(
      said.lastIndexOf('writes opened') < said.indexOf('writes closed'),
      'never opened after the fence',
    );
    await stage.end();
  });
}

test('before anything is opened, the record is read again: what was known may be old', async () => {
  const stage = await AgentStage.make();
  const [old, elected] = [stage.host(1), stage.host(2)];
  for (const { coordination } of [old, elected]) coordination.watchData = () => undefined;
  stage.record(old);
  for (const host of stage.hosts) host.start();
  await stage.clock.runUntil(() => old.writable);
  stage.world.stop(old.server);
  const epoch = stage.record(elected);
  stage.world.start(old.server);
  await elected.call('openWrites', { group: 'g1', epoch });
  await stage.clock.runFor(10_000);
  assert.deepEqual([old.writable, elected.writable], [false, true]);
  assert.equal(old.server.calls.filter((call) => call === 'openWrites').length, 1, 'only at the start');
  await stage.end();
});

for (const [name, state, verdict, why] of [
  ['a full server is alive', { kind: 'refusing', errno: 1040 }, 'saturated', /1040/],
  ['a wrong password is no verdict', { kind: 'refusing', errno: 1045 }, 'unknown', /password/],
  ['a hung server is stalled', { kind: 'hung' }, 'stalled', /ETIMEDOUT/],
] as const) {
  test(name, async () => {
    const stage = await AgentStage.running();
    stage.host(1).server.state = state;
    await stage.clock.runFor(6000);
    const presence = await stage.host(1).presence();
    assert.equal(presence?.verdict, verdict);
    assert.match(presence.why ?? '', why);
    stage.host(1).server.state = { kind: 'up' };
    await stage.clock.runFor(1000);
    assert.equal(await verdictOf(stage.host(1)), 'up');
    await stage.end();
  });
}

test('a primary whose commits hang is stalled, and up again when they go on', async () => {
  const stage = await AgentStage.running();
  stage.world.commit(stage.host(1).server);
  stage.host(1).server.commitsStall = true;
  await stage.clock.runFor(6000);
  assert.equal(await verdictOf(stage.host(1)), 'stalled');
  assert.equal(stage.host(1).writable, true);
  stage.host(1).server.commitsStall = false;
  await stage.clock.runFor(7000);
  assert.equal(await verdictOf(stage.host(1)), 'up');
  await stage.end();
});

test('a host that is not in the metadata waits, and still tells its verdict', async () => {
  const stage = await AgentStage.make(1);
  const { observer, clock } = stage;
  await observer.remove(znodes.host(stage.host(1).id));
  stage.host(1).server.superReadOnly = false;
  stage.host(1).start();
  await clock.runFor(5000);
  assert.equal(await verdictOf(stage.host(1)), 'up');
  assert.equal(stage.host(1).writable, true);
  assert.equal(stage.host(1).log.lines.filter(({ message }) => message.includes('metadata')).length, 1);
  stage.zookeeper.put(znodes.host(stage.host(1).id), JSON.stringify({ group: 'g1', port: 3306 }));
  stage.zookeeper.put(znodes.master('g1'), 'somebody-else');
  await clock.runUntil(() => !stage.host(1).writable);
  await stage.end();
});

for (const garbage of ['\x00\xff', '{"half', "__import__('os')"]) {
  test(`a malformed record ${JSON.stringify(garbage)} is logged and changes nothing`, async () => {
    const stage = await AgentStage.running();
    stage.zookeeper.put(znodes.master('g1'), garbage);
    await stage.clock.runFor(20_000);
    assert.deepEqual(
      stage.hosts.map(({ writable }) => writable),
      [true, false, false],
    );
    assert.ok(stage.host(2).log.lines.some(({ fields }) => fields['code'] === 'ZNODE_MALFORMED'));
    await stage.end();
  });
}

test('an agent that ends withdraws its presence and leaves MySQL as it is', async () => {
  const stage = await AgentStage.running();
  await stage.clock.runThrough(stage.host(1).end());
  assert.equal(await stage.host(1).presence(), undefined);
  assert.equal(stage.host(1).writable, true);
  await stage.end();
});
