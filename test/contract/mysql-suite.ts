import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import { regionalChannel } from '../../src/core/regional/channel.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import { eventually } from '../support/eventually.ts';

/** One server of a world, and what may happen to it. */
export interface ContractServer {
  readonly at: Endpoint;
  /** kill -9. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Accepts connections and never answers. */
  hang(): Promise<void>;
  resume(): Promise<void>;
  /** Opens a client's session that stays. */
  openClient(): Promise<void>;
  /** One transaction of an application; returns a GTID set that has it. */
  write(): Promise<string>;
}

/** Two servers, a and b, freshly booted: read-only, without replication. */
export interface ContractWorld {
  readonly mysql: Mysql;
  readonly a: ContractServer;
  readonly b: ContractServer;
  /** The port for an account that the servers refuse. */
  readonly stranger: Mysql;
  /** `watchConnection`, and waits until it has its connection. */
  watch(server: ContractServer, onLost: (code: string) => void, signal: AbortSignal): Promise<void>;
  /** Waits for a call while time passes. */
  run<T>(call: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const SOON = { timeoutMs: 5000 };

/** What every implementation of the `Mysql` port does. */
export function mysqlContract(name: string, open: () => Promise<ContractWorld>): void {
  describe(`the Mysql port on ${name}`, { timeout: 120_000 }, () => {
    let world: ContractWorld;
    before(async () => (world = await open()));
    after(() => world.close());

    const statusOf = (server: ContractServer) => world.run(world.mysql.status(server.at, SOON));

    it('finds a server that has just booted up, read-only and without channels', async () => {
      const probe = await world.run(world.mysql.probe(world.a.at, SOON));
      assert.equal(probe.kind, 'up');
      assert.equal(probe.status.superReadOnly, true);
      assert.equal(probe.status.readOnly, true);
      assert.equal(probe.status.gtidMode, 'ON');
      assert.deepEqual(probe.status.channels, []);
    });

    it('takes a refused login for an answer', async () => {
      const probe = await world.run(world.stranger.probe(world.a.at, SOON));
      assert.equal(probe.kind, 'refused');
      assert.equal(probe.errno, 1045);
      await assert.rejects(world.run(world.stranger.status(world.a.at, SOON)), { code: 'MYSQL_REFUSED' });
    });

    it('opens writes, and fences again, as often as it is asked', async () => {
      const { a } = world;
      await twice(() => world.run(world.mysql.openWrites(a.at, SOON)));
      const open = await statusOf(a);
      assert.deepEqual([open.readOnly, open.superReadOnly], [false, false]);
      await a.openClient();
      await a.openClient();
      assert.equal(await world.run(world.mysql.sessionCount(a.at, SOON)), 2);
      assert.equal((await world.run(world.mysql.fence(a.at, SOON))).killed, 2);
      assert.equal((await world.run(world.mysql.fence(a.at, SOON))).killed, 0);
      const fenced = await statusOf(a);
      assert.deepEqual([fenced.readOnly, fenced.superReadOnly], [true, true]);
      await assert.rejects(a.write(), 'a fenced server takes no write');
    });

    it('sets up no channel from another region at a server that is read-only where it must be open', async () => {
      const { a, b } = world;
      const regional = { ssl: false, only: [], ignore: [], mustBeOpen: true };
      const late = { source: b.at, channel: regionalChannel('eu'), regional };
      await assert.rejects(world.run(world.mysql.follow(a.at, late, SOON)), { code: 'MYSQL_REJECTED' });
      assert.deepEqual((await statusOf(a)).channels, []);
    });

    it('leaves sessions alone in a fence with a grace, and ends them afterwards', async () => {
      const { a } = world;
      await world.run(world.mysql.openWrites(a.at, SOON));
      await a.openClient();
      assert.equal((await world.run(world.mysql.fence(a.at, { ...SOON, graceMs: 100 }))).killed, 0);
      await assert.rejects(a.write(), 'it is fenced');
      assert.ok((await world.run(world.mysql.endSessions(a.at, SOON))) >= 1);
      assert.equal(await world.run(world.mysql.sessionCount(a.at, SOON)), 0);
      assert.equal(await world.run(world.mysql.endSessions(a.at, SOON)), 0);
    });

    it('probes commits: read-only, then committed under a GTID of the server itself', async () => {
      const { a } = world;
      assert.deepEqual(await world.run(world.mysql.commitProbe(a.at, SOON)), { kind: 'read-only' });
      await world.run(world.mysql.openWrites(a.at, SOON));
      const before = (await statusOf(a)).executed;
      assert.equal((await world.run(world.mysql.commitProbe(a.at, SOON))).kind, 'committed');
      const { executed, serverUuid } = await statusOf(a);
      assert.notEqual(executed, before);
      assert.match(executed, new RegExp(`^${serverUuid}:`));
    });

    it('attaches a replica, once and again, and waits for a transaction there', async () => {
      const { a, b, mysql } = world;
      const gtid = await a.write();
      await twice(() => world.run(mysql.follow(b.at, { source: a.at, channel: '' }, SOON)));
      assert.equal(await world.run(mysql.waitExecuted(b.at, gtid, SOON)), true);
      await eventually(async () => {
        const [channel] = (await statusOf(b)).channels;
        assert.deepEqual(channel?.source, a.at);
        assert.deepEqual([channel.receiver, channel.applier], ['on', 'on']);
        assert.equal(channel.lagSeconds, 0);
        assert.ok((channel.lastHeardMs ?? Infinity) < 3000, `heard ${String(channel.lastHeardMs)} ms ago`);
      }, SOON);
    });

    it('stops a receiver, so that nothing more arrives, and starts it again', async () => {
      const { a, b, mysql } = world;
      await twice(() => world.run(mysql.stopReceiver(b.at, '', SOON)));
      assert.equal((await statusOf(b)).channels[0]?.receiver, 'off');
      assert.equal((await statusOf(b)).channels[0]?.applier, 'on');
      const gtid = await a.write();
      assert.equal(await world.run(mysql.waitExecuted(b.at, gtid, { timeoutMs: 300 })), false);
      await twice(() => world.run(mysql.startReplication(b.at, '', SOON)));
      assert.equal(await world.run(mysql.waitExecuted(b.at, gtid, SOON)), true);
    });

    it('comes back from a crash read-only, with its channel configured and not running', async () => {
      const { b } = world;
      await b.stop();
      await b.start();
      const status = await statusOf(b);
      assert.equal(status.superReadOnly, true);
      assert.deepEqual([status.channels[0]?.receiver, status.channels[0]?.applier], ['off', 'off']);
    });

    it('attaches a channel that was configured and stood still', async () => {
      const { a, b, mysql } = world;
      const gtid = await a.write();
      await world.run(mysql.follow(b.at, { source: a.at, channel: '' }, SOON));
      assert.equal(await world.run(mysql.waitExecuted(b.at, gtid, SOON)), true);
    });

    it('forgets a channel, and does not mind one that is not there', async () => {
      const { b, mysql } = world;
      await twice(() => world.run(mysql.resetReplication(b.at, '', SOON)));
      assert.deepEqual((await statusOf(b)).channels, []);
      await world.run(mysql.resetReplication(b.at, 'region_x', SOON));
      await world.run(mysql.stopReceiver(b.at, 'region_x', SOON));
      await world.run(mysql.startReplication(b.at, 'region_x', SOON));
      await world.run(mysql.startReplication(b.at, '', SOON));
      assert.equal((await statusOf(b)).superReadOnly, true, 'nothing of all this opened it');
    });

    it('tells silence from refusal: a hung server is down by its deadline, and up again later', async () => {
      const { b, mysql } = world;
      await b.hang();
      try {
        await twice(async () => {
          const probe = await world.run(mysql.probe(b.at, { timeoutMs: 300 }));
          assert.equal(probe.kind, 'down');
          assert.equal(probe.code, 'ETIMEDOUT');
        });
        const commit = await world.run(mysql.commitProbe(b.at, { timeoutMs: 300 }));
        assert.ok(commit.kind === 'down' || commit.kind === 'stalled', commit.kind);
      } finally {
        await b.resume();
      }
      await eventually(async () => {
        assert.equal((await world.run(mysql.probe(b.at, SOON))).kind, 'up');
      }, SOON);
    });

    it('tells a watcher at once that a process is gone, and is refused afterwards', async () => {
      const { a, mysql } = world;
      const lost: string[] = [];
      const stop = new AbortController();
      await world.watch(a, (code) => lost.push(code), stop.signal);
      await a.stop();
      await eventually(() => {
        assert.equal(lost.length, 1);
      }, SOON);
      const probe = await world.run(mysql.probe(a.at, SOON));
      assert.equal(probe.kind, 'down');
      assert.equal(probe.code, 'ECONNREFUSED');
      assert.equal((await world.run(mysql.commitProbe(a.at, SOON))).kind, 'down');
      await assert.rejects(world.run(mysql.fence(a.at, SOON)), { code: 'MYSQL_UNREACHABLE' });
      stop.abort();
      await a.start();
      assert.equal((await statusOf(a)).superReadOnly, true);
    });
  });
}

async function twice(effect: () => Promise<unknown>): Promise<void> {
  await effect();
  await effect();
}
