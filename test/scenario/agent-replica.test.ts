import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import { writeRejoinMark, readRejoinMark } from '../../src/core/store/marks.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { SemiSync } from '../../src/ports/semi-sync.ts';
import { AgentStage, type AgentHost } from '../support/agent-stage.ts';
import { noSemiSync } from '../support/usual-policies.ts';

function source(host: AgentHost): string | undefined {
  const channel = host.server.channels.get('');
  return channel?.receiverOn === true && channel.applierOn ? formatEndpoint(channel.source) : undefined;
}

const stateOf = async (host: AgentHost): Promise<string | undefined> =>
  (await host.presence())?.replication?.state;

/** Host 1 died and host 2 took over; what only host 1 had is lost to the others. */
async function afterFailover(): Promise<AgentStage> {
  const stage = await AgentStage.running();
  const [old, elected] = [stage.host(1), stage.host(2)];
  stage.world.commit(old.server);
  stage.planBegins();
  stage.world.stop(old.server);
  await old.call('fence', { group: 'g1', epoch: 0 });
  elected.server.channels.delete('');
  const epoch = stage.record(elected);
  await elected.call('openWrites', { group: 'g1', epoch });
  const mark = { group: 'g1', primary: elected.id, epoch, at: 0, executed: '' };
  await writeRejoinMark(stage.observer, old.id, mark);
  stage.planEnds();
  await stage.clock.runFor(2000);
  return stage;
}

test('replicas without a channel follow the recorded primary, and say so', async () => {
  const stage = await AgentStage.running();
  assert.deepEqual(stage.hosts.map(source), [undefined, '10.0.0.1:3306', '10.0.0.1:3306']);
  assert.deepEqual(await Promise.all(stage.hosts.map(stateOf)), [undefined, 'replicating', 'replicating']);
  await stage.end();
});

test('a replica that the plan did not reach follows the new primary afterwards', async () => {
  const stage = await afterFailover();
  assert.equal(source(stage.host(3)), '10.0.0.2:3306');
  await stage.end();
});

test('a replica that the plan did reach is left alone: a receiver that is started anew keeps commits waiting', async () => {
  const stage = await AgentStage.running();
  const [old, elected, replica] = [stage.host(1), stage.host(2), stage.host(3)];
  await stage.clock.runThrough(replica.end());
  // What it knows of its server is older than the plan's end.
  replica.start({ checkIntervalMs: 5000 });
  await stage.clock.runFor(500);
  stage.planBegins();
  await old.call('fence', { group: 'g1', epoch: 0 });
  elected.server.channels.delete('');
  const epoch = stage.record(elected);
  await elected.call('openWrites', { group: 'g1', epoch });
  await stage.clock.runFor(2000);
  const coordinator = stage.world.from('coordinator');
  const profile = { source: elected.server.endpoint, channel: '' };
  for (const { server } of [old, replica])
    void coordinator.follow(server.endpoint, profile, { timeoutMs: 1000 });
  await stage.clock.runFor(20);
  const before = [old, replica].map(({ server }) => [...server.calls]);
  stage.planEnds();
  await stage.clock.runFor(5000);
  assert.deepEqual([old, replica].map(source), ['10.0.0.2:3306', '10.0.0.2:3306']);
  assert.deepEqual(
    [old, replica].map(({ server }) => server.calls),
    before,
  );
  await stage.end();
});

test('an old primary that returns with nothing of its own becomes a replica', async () => {
  const stage = await afterFailover();
  const old = stage.host(1);
  stage.world.start(old.server);
  await stage.clock.runFor(5000);
  assert.equal(source(old), '10.0.0.2:3306');
  assert.equal(old.server.superReadOnly, true);
  assert.equal(await stateOf(old), 'replicating');
  assert.equal(await readRejoinMark(stage.observer, old.id), undefined, 'there is nothing left to do for it');
  stage.world.commit(stage.host(2).server);
  await stage.clock.runFor(100);
  assert.ok(old.server.executed.equals(stage.host(2).server.executed));
  await stage.end();
});

test('an old primary with transactions of its own stays out, read-only, and says which', async () => {
  const stage = await afterFailover();
  const old = stage.host(1);
  const errant = old.server.record();
  stage.world.start(old.server);
  await stage.clock.runFor(60_000);
  assert.equal(source(old), undefined);
  assert.equal(old.server.superReadOnly, true);
  const presence = await old.presence();
  assert.equal(presence?.replication?.state, 'errant');
  assert.match(
    presence.replication.error ?? '',
    new RegExp(`^1 transactions.*${errant.uuid}:${errant.number}$`),
  );
  assert.notEqual(await readRejoinMark(stage.observer, old.id), undefined);
  assert.equal(old.log.lines.filter(({ message }) => message.includes('lacks')).length, 1, 'said once');
  await stage.end();
});

test('what the primary executes between the two reads does not look errant', async () => {
  const stage = await AgentStage.running();
  const replica = stage.host(3);
  replica.server.channels.delete('');
  // The replica is asked first: whatever it has got by then, the primary has, too.
  for (let round = 0; round < 50; round += 1) {
    stage.world.commit(stage.host(1).server);
    await stage.clock.runFor(20);
  }
  await stage.clock.runFor(6000);
  assert.equal(source(replica), '10.0.0.1:3306');
  await stage.end();
});

test('replication is started again after a restart of mysqld', async () => {
  const stage = await AgentStage.running();
  const replica = stage.host(2);
  stage.world.stop(replica.server);
  await stage.clock.runFor(1000);
  stage.world.start(replica.server);
  await stage.clock.runUntil(() => source(replica) === '10.0.0.1:3306', 2000);
  await stage.end();
});

for (const [what, prepare] of [
  ['starts', () => undefined],
  ['follows', ({ server }: AgentHost) => server.channels.clear()],
] as const) {
  test(`a receiver that an agent ${what} while a plan begins is stopped again, and runs when the plan is over`, async () => {
    const stage = await AgentStage.running();
    const { clock, world } = stage;
    const [primary, replica] = [stage.host(1), stage.host(2)];
    await clock.runThrough(replica.end());
    const mysql = world.from(replica.host);
    let hasFrozen = false;
    /** Between the agent's look at the journal and its statement, a plan has begun and read the position. */
    const freeze = () => {
      if (hasFrozen) return;
      hasFrozen = true;
      stage.planBegins();
    };
    replica.start(
      {},
      {
        mysql: {
          ...bound(mysql),
          startReplication: (...args) => (freeze(), mysql.startReplication(...args)),
          follow: (...args) => (freeze(), mysql.follow(...args)),
        },
      },
    );
    world.stop(replica.server);
    await clock.runFor(1000);
    prepare(replica);
    world.start(replica.server);
    await clock.runUntil(() => hasFrozen, 20_000);
    await clock.runFor(500);
    assert.equal(replica.server.channels.get('')?.receiverOn, false);
    world.commit(primary.server);
    await clock.runFor(5000);
    assert.ok(!replica.server.executed.equals(primary.server.executed), 'it stands where the plan saw it');
    stage.planEnds();
    await clock.runFor(5000);
    assert.ok(replica.server.executed.equals(primary.server.executed));
    await stage.end();
  });
}

/** Its methods, so that some can be replaced. */
function bound(mysql: Mysql): Mysql {
  return {
    probe: (...args) => mysql.probe(...args),
    status: (...args) => mysql.status(...args),
    fence: (...args) => mysql.fence(...args),
    endSessions: (...args) => mysql.endSessions(...args),
    openWrites: (...args) => mysql.openWrites(...args),
    stopReceiver: (...args) => mysql.stopReceiver(...args),
    startReplication: (...args) => mysql.startReplication(...args),
    waitExecuted: (...args) => mysql.waitExecuted(...args),
    resetReplication: (...args) => mysql.resetReplication(...args),
    follow: (...args) => mysql.follow(...args),
    commitProbe: (...args) => mysql.commitProbe(...args),
    sessionCount: (...args) => mysql.sessionCount(...args),
    survey: (...args) => mysql.survey(...args),
    lookAtClients: (...args) => mysql.lookAtClients(...args),
    drain: (...args) => mysql.drain(...args),
    events: (...args) => mysql.events(...args),
    enableEvent: (...args) => mysql.enableEvent(...args),
    startEventScheduler: (...args) => mysql.startEventScheduler(...args),
    clockOffset: (...args) => mysql.clockOffset(...args),
    watchConnection: (...args) => mysql.watchConnection(...args),
  };
}

test('replication that somebody stopped stays stopped, and that is told', async () => {
  const stage = await AgentStage.running();
  const channel = stage.host(2).server.channels.get('');
  assert.ok(channel !== undefined);
  channel.receiverOn = channel.applierOn = false;
  await stage.clock.runFor(60_000);
  assert.equal(channel.receiverOn, false);
  assert.equal(await stateOf(stage.host(2)), 'stopped');
  await stage.end();
});

for (const [name, obstacle] of [
  ['while a plan is running', (stage: AgentStage) => stage.planBegins()],
  ['while the group is paused', (stage: AgentStage) => stage.pause()],
] as const) {
  test(`replication is not touched ${name}`, async () => {
    const stage = await AgentStage.running();
    const replica = stage.host(2);
    obstacle(stage);
    stage.world.stop(replica.server);
    await stage.clock.runFor(1000);
    stage.world.start(replica.server);
    await stage.clock.runFor(30_000);
    assert.equal(source(replica), undefined);
    stage.planEnds();
    await stage.observer.remove(znodes.white('g1'));
    await stage.clock.runUntil(() => source(replica) === '10.0.0.1:3306', 10_000);
    await stage.end();
  });
}

test('a primary that cannot be reached is tried again', async () => {
  const stage = await afterFailover();
  const [old, primary] = [stage.host(1), stage.host(2)];
  stage.world.cut(old.host, primary.host);
  stage.world.start(old.server);
  await stage.clock.runFor(60_000);
  assert.equal(source(old), undefined);
  assert.equal(await stateOf(old), 'none');
  stage.world.heal(old.host, primary.host);
  await stage.clock.runUntil(() => source(old) === '10.0.0.2:3306', 60_000);
  await stage.end();
});

test('a replica whose transactions have no GTIDs is left alone, and says what to do', async () => {
  const stage = await AgentStage.running();
  const replica = stage.host(3);
  stage.world.stop(replica.server);
  await stage.clock.runFor(1000);
  replica.server.gtidMode = 'OFF';
  stage.world.start(replica.server);
  await stage.clock.runFor(10_000);
  const health = (await replica.presence())?.replication;
  assert.equal(health?.state, 'broken');
  assert.match(health.error ?? '', /^gtid_mode is OFF: set gtid_mode=ON .* restart mysqld$/);
  assert.equal(source(replica), undefined);
  await stage.end();
});

test('a primary that was started again without GTIDs is not opened', async () => {
  const stage = await AgentStage.running();
  const primary = stage.host(1);
  stage.world.stop(primary.server);
  await stage.clock.runFor(1000);
  primary.server.gtidMode = 'OFF_PERMISSIVE';
  stage.world.start(primary.server);
  await stage.clock.runFor(10_000);
  assert.equal(primary.server.superReadOnly, true);
  const refusals = primary.log.lines.filter(
    ({ message }) => message === 'read_only is not as the record says',
  );
  assert.ok(refusals.length > 0);
  await stage.end();
});

for (const [what, isOn, stops] of [
  ['was just connecting is left alone: it acknowledges by now', (looks: number) => looks > 1, 0],
  ['connected before that was set is made to connect again', (looks: number) => looks > 2, 1],
] as const) {
  test(`a receiver that ${what}`, async () => {
    const stage = await AgentStage.running();
    const replica = stage.host(3);
    await stage.clock.runThrough(replica.end());
    let looks = 0;
    const semiSync: SemiSync = {
      status: () =>
        Promise.resolve({ source: undefined, replica: { enabled: true, on: isOn((looks += 1)) } }),
      setSource: () => Promise.resolve(),
      disableSource: () => Promise.resolve(),
      setReplica: () => Promise.resolve(),
    };
    replica.start({ semiSync: { ...noSemiSync, mode: 'auto' } }, { semiSync });
    await stage.clock.runFor(5000);
    assert.ok(looks > 3);
    assert.equal(replica.server.calls.filter((call) => call === 'stopReceiver').length, stops);
    assert.equal(source(replica), '10.0.0.1:3306');
    await stage.end();
  });
}
