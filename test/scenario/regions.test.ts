import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import { usualTerms } from '../../src/core/plan/switchover-terms.ts';
import { readLink, removeLink, writeLink, writeRegion } from '../../src/core/store/additions.ts';
import { readAlert } from '../../src/core/store/alerts.ts';
import type { CoordinatorDeps } from '../../src/roles/coordinator/coordinator.ts';
import { CoordinatorStage } from '../support/coordinator-stage.ts';
import type { FakeServer } from '../support/fake-mysql-server.ts';

const nothing = { only: [], ignore: [], uuids: [], accepted: '' };

/** Group g1 receives from region eu: 10.1.0.1, which writes, and its replica 10.1.0.2. */
class RegionStage {
  readonly group: CoordinatorStage;
  readonly eu: readonly [FakeServer, FakeServer];

  private constructor(group: CoordinatorStage, eu: readonly [FakeServer, FakeServer]) {
    this.group = group;
    this.eu = eu;
  }

  static async running(policy: Partial<CoordinatorDeps['policy']> = {}): Promise<RegionStage> {
    const group = await CoordinatorStage.running(1, policy);
    const { world, observer } = group.agents;
    const server = (n: number, readOnly: boolean) =>
      world.add({ endpoint: { host: `10.1.0.${n}`, port: 3306 }, serverId: 100 + n, readOnly });
    const [one, two] = [server(1, false), server(2, true)];
    const replicate = world
      .from('10.1.0.2')
      .follow(two.endpoint, { source: one.endpoint, channel: '' }, usual);
    await group.agents.clock.runThrough(replicate);
    const sources = [one, two].map(({ endpoint }) => ({ endpoint, ssl: false }));
    await writeRegion(observer, 'eu', sources);
    await writeLink(observer, { group: 'g1', region: 'eu', source: undefined, ...nothing });
    return new RegionStage(group, [one, two]);
  }

  get agents() {
    return this.group.agents;
  }

  server(n: number): FakeServer {
    return this.agents.host(n).server;
  }

  /** From where a host receives over its regional channel. */
  source(n: number): string | undefined {
    const channel = this.server(n).channels.get('region_eu');
    return channel?.attached === true && channel.applierOn ? formatEndpoint(channel.source) : undefined;
  }

  /** Region eu writes. */
  write(count = 1): void {
    for (let n = 0; n < count; n += 1) this.agents.world.commit(this.eu[0]);
  }

  /** So often that the primary's agent has no reason to try a commit of its own. */
  async writeFor(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.write();
      await this.agents.clock.runFor(100);
    }
  }

  async recorded(): Promise<string | undefined> {
    const link = await readLink(this.agents.observer, 'g1', 'eu');
    return link?.source === undefined ? undefined : formatEndpoint(link.source.endpoint);
  }

  alert() {
    return readAlert(this.agents.observer, 'g1_region');
  }

  untilSource(n: number, source: string, ms = 15_000): Promise<number> {
    return this.agents.clock.runUntil(() => this.source(n) === source, ms);
  }
}

const usual = { timeoutMs: 1000 };
const [first, second] = ['10.1.0.1:3306', '10.1.0.2:3306'];

describe('a regional channel', () => {
  it('is set up on the primary, recorded, shown, and brings what the region writes to every member', async () => {
    const stage = await RegionStage.running();
    await stage.untilSource(1, first);
    stage.write(3);
    await stage.agents.clock.runFor(2000);
    for (const n of [1, 2, 3])
      assert.ok(stage.server(n).executed.contains(stage.eu[0].executed), `host ${n}`);
    assert.equal(await stage.recorded(), first);
    const presence = await stage.agents.host(1).presence();
    assert.deepEqual(presence?.channels, [{ name: 'region_eu', source: first, state: 'replicating' }]);
    assert.equal(stage.server(2).channels.has('region_eu'), false);
    await stage.group.end();
  });

  it('moves with the primary when that dies, and is gone from the old one when it returns', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    world.stop(stage.server(1));
    await stage.untilSource(2, first, 5000);
    stage.write(3);
    world.start(stage.server(1));
    await clock.runUntil(() => stage.server(1).channels.get('')?.attached === true, 20_000);
    assert.equal(stage.server(1).channels.has('region_eu'), false);
    assert.ok(stage.server(1).executed.contains(stage.eu[0].executed));
    const steps = (await stage.group.history())[0]?.['steps'] as { step: string; outcome: string }[];
    assert.deepEqual(steps.find(({ step }) => step === 'channels')?.outcome, 'channels');
    await stage.group.end();
  });

  for (const order of [
    { kind: 'failover', group: 'g1', host: '10-0-0-3', by: 'dba', at: 0 },
    { kind: 'switchover', group: 'g1', host: '10-0-0-3', by: 'dba', at: 0, terms: usualTerms },
  ] as const) {
    it(`moves with the primary in a ${order.kind} that is asked for, and nothing that came meanwhile is taken for errant`, async () => {
      const stage = await RegionStage.running();
      await stage.untilSource(1, first);
      await stage.group.order(order);
      await stage.writeFor(10_000);
      assert.equal(stage.source(3), first);
      assert.equal(stage.server(1).channels.has('region_eu'), false);
      assert.equal(stage.server(1).channels.get('')?.attached, true);
      for (const n of [1, 2, 3])
        assert.ok(stage.server(n).executed.contains(stage.eu[0].executed), `host ${n}`);
      const steps = (await stage.group.history())[0]?.['steps'] as { step: string; outcome: string }[];
      assert.ok(steps.some(({ step }) => step === 'channels'));
      await stage.group.end();
    });
  }

  it('gives the new primary what only the dead one had received: before writes open, and it is no loss', async () => {
    const stage = await RegionStage.running({ maxLoss: 0 });
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    for (const host of ['10.0.0.2', '10.0.0.3']) world.cut('10.0.0.1', host);
    await stage.writeFor(3000);
    assert.ok(!stage.server(2).executed.overlaps(stage.eu[0].executed));
    // Its agent is gone, too, so nobody hands out its binlog.
    stage.agents.host(1).kill().expire();
    world.stop(stage.server(1));
    await clock.runUntil(() => stage.group.writable().includes(2), 30_000);
    assert.ok(stage.server(2).executed.contains(stage.eu[0].executed), 'it is there when writes open');
    await clock.runFor(3000);
    assert.equal((await stage.group.history())[0]?.['lost'], 0);
    await stage.group.end();
  });

  it('brings a returned primary nothing to take back: what the primary lacks is on its way from the region', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    for (const host of ['10.0.0.2', '10.0.0.3']) {
      world.cut('10.0.0.1', host);
      world.cut(host, '10.1.0.1');
      world.cut(host, '10.1.0.2');
    }
    await stage.writeFor(3000);
    stage.agents.host(1).kill().expire();
    world.stop(stage.server(1));
    await clock.runUntil(() => stage.group.writable().includes(2), 30_000);
    for (const host of ['10.0.0.2', '10.0.0.3']) world.heal('10.0.0.1', host);
    world.start(stage.server(1));
    stage.agents.host(1).start();
    await clock.runFor(10_000);
    const replication = (await stage.agents.host(1).presence())?.replication;
    assert.match(replication?.error ?? '', /^the primary has yet to receive from its regions/);
    for (const host of ['10.0.0.2', '10.0.0.3'])
      for (const eu of ['10.1.0.1', '10.1.0.2']) world.heal(host, eu);
    await clock.runUntil(() => stage.server(1).channels.get('')?.attached === true, 60_000);
    assert.ok(stage.server(2).executed.contains(stage.server(1).executed));
    await stage.group.end();
  });

  it('has nothing taken back while only a replica of the region answers, which may be behind', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    world.cut('10.1.0.1', '10.1.0.2');
    for (const host of ['10.0.0.2', '10.0.0.3']) {
      world.cut('10.0.0.1', host);
      world.cut('10.1.0.1', host);
    }
    await stage.writeFor(3000);
    stage.agents.host(1).kill().expire();
    world.stop(stage.server(1));
    await clock.runUntil(() => stage.group.writable().includes(2), 30_000);
    world.cut('10.0.0.1', '10.1.0.1');
    for (const host of ['10.0.0.2', '10.0.0.3']) world.heal(host, '10.0.0.1');
    world.start(stage.server(1));
    stage.agents.host(1).start();
    await clock.runFor(10_000);
    const replication = (await stage.agents.host(1).presence())?.replication;
    assert.match(replication?.error ?? '', /no answer from 10\.1\.0\.1:3306 of another region/);
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.1.0.2']) world.heal(host, '10.1.0.1');
    await clock.runUntil(() => stage.server(1).channels.get('')?.attached === true, 60_000);
    assert.ok(stage.server(2).executed.contains(stage.server(1).executed));
    await stage.group.end();
  });

  it('takes another server when its source dies, tells when none is left, and when it works again', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    world.stop(stage.eu[0]);
    stage.eu[1].channels.clear();
    await stage.untilSource(1, second);
    assert.equal(await stage.recorded(), second);
    assert.ok(stage.group.alertKinds().includes('region-moved event'));
    assert.equal(await stage.alert(), undefined);
    world.stop(stage.eu[1]);
    await clock.runFor(15_000);
    const alert = await stage.alert();
    assert.equal(alert?.kind, 'region-lost');
    assert.match(alert.message, /no server of region eu .*10\.1\.0\.1:3306: it does not answer/);
    assert.ok(stage.group.alertKinds().includes('region-lost raised'));
    world.start(stage.eu[1]);
    await stage.untilSource(1, second);
    await clock.runFor(3000);
    assert.equal(await stage.alert(), undefined);
    assert.ok(stage.group.alertKinds().includes('region-lost ended'));
    await stage.group.end();
  });

  it('tells when its servers answer the coordinators, and the primary cannot receive from them all the same', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    for (const host of ['10.1.0.1', '10.1.0.2']) world.cut('10.0.0.1', host);
    await clock.runFor(30_000);
    const alert = await stage.alert();
    assert.match(
      alert?.message ?? '',
      /servers of region eu answer the coordinators, but not 10-0-0-1: .* is lost/,
    );
    for (const host of ['10.1.0.1', '10.1.0.2']) world.heal('10.0.0.1', host);
    await clock.runFor(15_000);
    assert.equal(await stage.alert(), undefined);
    await stage.group.end();
  });

  it('does not take a server that has purged what the primary lacks', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    for (const eu of ['10.1.0.1', '10.1.0.2']) world.cut('10.0.0.1', eu);
    stage.write(5);
    await clock.runFor(1000);
    stage.eu[1].purged = stage.eu[0].executed;
    world.stop(stage.eu[0]);
    stage.eu[1].channels.clear();
    world.heal('10.0.0.1', '10.1.0.2');
    await clock.runFor(20_000);
    assert.equal(stage.source(1), undefined);
    assert.match((await stage.alert())?.message ?? '', /has purged 5 transactions/);
    await stage.group.end();
  });

  it('delays no failover while nobody of the region answers', async () => {
    const stage = await RegionStage.running();
    const { world, clock } = stage.agents;
    await stage.untilSource(1, first);
    for (const eu of stage.eu) eu.state = { kind: 'unreachable' };
    await clock.runFor(20_000);
    world.stop(stage.server(1));
    const tookMs = await clock.runUntil(() => stage.group.writable().includes(2), 10_000);
    assert.ok(tookMs < 500, `writes were open again after ${tookMs} ms of virtual time`);
    await stage.group.end();
  });

  it('that an operator stopped stays stopped, and one that is not wanted any more goes', async () => {
    const stage = await RegionStage.running();
    const { clock, observer } = stage.agents;
    await stage.untilSource(1, first);
    await clock.runFor(2000);
    const channel = stage.server(1).channels.get('region_eu')!;
    channel.receiverOn = channel.applierOn = channel.attached = false;
    await clock.runFor(20_000);
    assert.equal(stage.source(1), undefined);
    assert.equal(await stage.alert(), undefined);
    await removeLink(observer, 'g1', 'eu');
    await clock.runUntil(() => !stage.server(1).channels.has('region_eu'), 10_000);
    await stage.group.end();
  });

  it('is left alone while the group is paused', async () => {
    const stage = await RegionStage.running();
    const { clock } = stage.agents;
    stage.agents.pause();
    await clock.runFor(1000);
    const before = stage.source(1);
    stage.agents.world.stop(stage.eu[0]);
    await clock.runFor(15_000);
    assert.ok(before === undefined || stage.server(1).channels.get('region_eu')?.source.host === '10.1.0.1');
    await stage.group.end();
  });
});
