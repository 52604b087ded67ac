import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseTerms } from '../../src/core/lease.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { AgentStage, type AgentHost } from '../support/agent-stage.ts';

const opened = (host: AgentHost): number => host.server.calls.filter((call) => call === 'openWrites').length;

/** When the last successful renewal was sent cannot be later than the cut; from there the session timeout counts at the latest. */
for (const sessionTimeoutMs of [1000, 2000, 6000, 30_000]) {
  test(`cut off from everybody, a primary is closed before its session of ${sessionTimeoutMs} ms can expire`, async () => {
    const stage = await AgentStage.running(3, { sessionTimeoutMs });
    const primary = stage.host(1);
    for (const other of [2, 3]) stage.peers.cut(primary.host, stage.host(other).host);
    primary.coordination.cutOff();
    const took = await stage.clock.runUntil(() => !primary.writable);
    const { renewEveryMs, extensionMs, fenceMs, lagMs } = leaseTerms(sessionTimeoutMs);
    // The last renewal was sent up to one interval before the cut.
    assert.ok(took + renewEveryMs + lagMs <= sessionTimeoutMs, `closed after ${took} ms`);
    assert.ok(took >= extensionMs - renewEveryMs, `needlessly early: ${took} ms of ${fenceMs}`);
    await stage.end();
  });
}

test('one that has just been opened has as long: what its agent asked before counts', async () => {
  const stage = await AgentStage.running();
  const [old, elected] = [stage.host(1), stage.host(2)];
  stage.planBegins();
  await old.call('fence', { group: 'g1', epoch: 0 });
  await elected.call('openWrites', { group: 'g1', epoch: stage.record(elected) });
  for (const other of [1, 3]) stage.peers.cut(elected.host, stage.host(other).host);
  elected.coordination.cutOff();
  const took = await stage.clock.runUntil(() => !elected.writable);
  const { sessionTimeoutMs, renewEveryMs, extensionMs, lagMs } = leaseTerms(6000);
  assert.ok(took + lagMs <= sessionTimeoutMs, `closed after ${took} ms`);
  assert.ok(took >= extensionMs - renewEveryMs / 10, `needlessly early: ${took} ms`);
  await stage.end();
});

test('cut off from ZooKeeper alone, it goes on as long as all others accept it', async () => {
  const stage = await AgentStage.running();
  stage.host(1).coordination.cutOff();
  stage.host(1).coordination.expire();
  await stage.clock.runFor(120_000);
  assert.equal(stage.host(1).writable, true);
  stage.host(1).coordination.reconnect();
  await stage.clock.runFor(20_000);
  assert.equal(stage.host(1).writable, true);
  assert.equal(opened(stage.host(1)), 1, 'it never was closed');
  await stage.end();
});

test('with ZooKeeper away for everybody, the primary goes on', async () => {
  const stage = await AgentStage.running();
  stage.loseZookeeper();
  await stage.clock.runFor(120_000);
  assert.equal(stage.host(1).writable, true);
  assert.equal(opened(stage.host(1)), 1);
  await stage.end();
});

for (const [name, trouble] of [
  ['one of them is silent', (stage: AgentStage) => stage.peers.cut(stage.host(1).host, stage.host(3).host)],
  ['one of them is gone', (stage: AgentStage) => stage.peers.kill(stage.host(3).options().control)],
  ['a plan is running that they see', (stage: AgentStage) => stage.planBegins()],
  ['another was recorded that they see', (stage: AgentStage) => void stage.record(stage.host(2))],
] as const) {
  test(`cut off from ZooKeeper, it is closed in time when ${name}`, async () => {
    const stage = await AgentStage.running();
    stage.host(1).coordination.cutOff();
    await stage.clock.runFor(60_000);
    assert.equal(stage.host(1).writable, true);
    trouble(stage);
    const took = await stage.clock.runUntil(() => !stage.host(1).writable);
    const { extensionMs, fenceMs } = leaseTerms(6000);
    assert.ok(took <= extensionMs + fenceMs, `${took} ms`);
    await stage.end();
  });
}

test('a member that may never be promoted is not asked', async () => {
  const stage = await AgentStage.make();
  const third = JSON.stringify({ group: 'g1', port: 3306, promote: 'no' });
  stage.zookeeper.put(znodes.host(stage.host(3).id), third);
  stage.record(stage.host(1));
  for (const host of [stage.host(1), stage.host(2)]) host.start();
  await stage.clock.runUntil(() => stage.host(1).writable);
  await stage.clock.runFor(5000);
  stage.loseZookeeper();
  await stage.clock.runFor(60_000);
  assert.equal(stage.host(1).writable, true);
  await stage.end();
});

test('the only server of a group goes on without ZooKeeper: nobody could be promoted', async () => {
  const stage = await AgentStage.running(1);
  stage.loseZookeeper();
  await stage.clock.runFor(60_000);
  assert.equal(stage.host(1).writable, true);
  await stage.end();
});

test('whoever accepted is not opened before its promise is over, also when its agent was restarted', async () => {
  for (const restarted of [false, true]) {
    const stage = await AgentStage.running();
    const [primary, elected] = [stage.host(1), stage.host(2)];
    primary.coordination.cutOff();
    await stage.clock.runUntil(() => elected.disk?.includes('accepted') === true);
    await stage.clock.runFor(10);
    // The primary goes now, the moment after it was accepted; its own lease may still run.
    stage.world.cut(primary.host, elected.host);
    stage.peers.cut(primary.host, elected.host);
    const since = stage.clock.monotonic();
    stage.planBegins();
    const epoch = stage.record(elected);
    if (restarted) {
      elected.kill().expire();
      elected.start();
      await stage.clock.runFor(300);
    }
    let tries = 0;
    for (;;) {
      try {
        await elected.call('openWrites', { group: 'g1', epoch });
        break;
      } catch (error) {
        assert.ok(hasCode(error, 'PEER_REFUSED'), String(error));
        assert.equal(error.details['reason'], 'accepted-primary');
        tries += 1;
        await stage.clock.runFor(100);
      }
      assert.ok(!(primary.writable && elected.writable));
    }
    assert.ok(tries > 5);
    assert.equal(primary.writable, false, 'the old primary closed itself before');
    const tookMs = stage.clock.monotonic() - since;
    assert.ok(tookMs < leaseTerms(6000).acceptMs * 1.3, `${tookMs} ms`);
    assert.ok(!elected.disk?.includes('accepted'), 'a promise that is over is forgotten');
    await stage.end();
  }
});

test('an agent that was stopped beyond its lease closes before anything else', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.freeze();
  await stage.clock.runFor(3000);
  primary.coordination.cutOff();
  await stage.clock.runFor(5000);
  primary.coordination.expire();
  stage.planBegins();
  const epoch = stage.record(stage.host(2));
  await stage.host(2).call('openWrites', { group: 'g1', epoch });
  // Its routers have closed long ago; but for direct clients, this is what the agent is there for.
  const before = primary.server.calls.length;
  const { executed } = primary.server;
  primary.coordination.reconnect();
  primary.thaw();
  const took = await stage.clock.runUntil(() => !primary.writable);
  assert.ok(took <= 5, `${took} ms`);
  assert.equal(
    primary.server.calls.slice(before).find((call) => call !== 'sessionCount'),
    'fence',
  );
  assert.ok(primary.server.executed.equals(executed), 'it wrote nothing either: that would be errant');
  await stage.end();
});

test('an agent that was stopped for less than its lease goes on as if nothing had been', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.freeze();
  await stage.clock.runFor(1500);
  primary.thaw();
  await stage.clock.runFor(10_000);
  assert.equal(primary.writable, true);
  assert.ok(!primary.server.calls.includes('fence'));
  await stage.end();
});

test('a server that does not obey when the lease is over is killed, before the session could expire', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  for (const other of [2, 3]) stage.peers.cut(primary.host, stage.host(other).host);
  primary.coordination.cutOff();
  primary.server.state = { kind: 'hung' };
  const took = await stage.clock.runUntil(() => primary.server.calls.includes('SIGKILL'));
  assert.ok(took <= 6000 - leaseTerms(6000).lagMs, `${took} ms`);
  await stage.end();
});

test('a session that expired is no reason to close while nobody moves the primary', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.coordination.expire();
  await stage.clock.runFor(20_000);
  assert.equal(primary.writable, true);
  assert.equal(opened(primary), 1);
  assert.equal((await primary.presence())?.verdict, 'up');
  await stage.end();
});

test('but it is one when a plan has begun that may count on the lease being over', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.coordination.cutOff();
  primary.coordination.expire();
  stage.planBegins();
  primary.coordination.reconnect();
  await stage.clock.runUntil(() => !primary.writable, 6000);
  await stage.clock.runFor(20_000);
  assert.equal(primary.writable, false);
  // The plan was given up without a new record: the primary is itself again.
  stage.planEnds();
  await stage.clock.runUntil(() => primary.writable, 2000);
  await stage.end();
});

test('and then soon: a session that expired before its lease was over means that this clock stood still', async () => {
  const stage = await AgentStage.running();
  stage.planBegins();
  stage.host(1).coordination.expire();
  const took = await stage.clock.runUntil(() => !stage.host(1).writable);
  assert.ok(took < 600, `${took} ms`);
  await stage.end();
});

test('an agent that is killed and started again on an open primary keeps it open', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  const left = primary.kill();
  await stage.clock.runFor(1000);
  primary.start();
  await stage.clock.runFor(4000);
  left.expire();
  await stage.clock.runFor(60_000);
  assert.equal(primary.writable, true);
  assert.ok(!primary.server.calls.includes('fence'));
  assert.equal((await primary.presence())?.verdict, 'up');
  await stage.end();
});

test('started without ZooKeeper, it keeps what it opened before only if the others accept', async () => {
  for (const accepted of [true, false]) {
    const stage = await AgentStage.running();
    const primary = stage.host(1);
    primary.kill().expire();
    stage.loseZookeeper();
    if (!accepted) for (const other of [2, 3]) stage.peers.cut(primary.host, stage.host(other).host);
    primary.start();
    await stage.clock.runFor(10_000);
    assert.equal(primary.writable, accepted);
    await stage.end();
  }
});

test('started without ZooKeeper and without a memory, it leaves MySQL as it is', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.kill().expire();
  primary.disk = undefined;
  primary.coordination.cutOff();
  primary.start();
  await stage.clock.runFor(60_000);
  assert.equal(primary.writable, true);
  await stage.end();
});

test('a damaged memory opens nothing that may have been fenced', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  primary.kill().expire();
  stage.world.stop(primary.server);
  stage.world.start(primary.server);
  primary.disk = '{"fenced":';
  primary.start();
  await stage.clock.runFor(30_000);
  assert.equal(primary.writable, false);
  stage.record(primary);
  await stage.clock.runUntil(() => primary.writable);
  await stage.end();
});

test('a primary is closed and opened by its record when somebody sets super_read_only on or off by hand', async () => {
  const stage = await AgentStage.running();
  const { server } = stage.host(1);
  server.superReadOnly = server.readOnly = true;
  await stage.clock.runUntil(() => !server.superReadOnly, 2000);
  await stage.host(1).call('fence', { group: 'g1', epoch: 0 });
  server.superReadOnly = server.readOnly = false;
  await stage.clock.runUntil(() => server.superReadOnly, 2000);
  await stage.end();
});
