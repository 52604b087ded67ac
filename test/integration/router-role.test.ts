import assert from 'node:assert/strict';
import test from 'node:test';
import { httpLeasePort } from '../../src/adapters/haproxy/lease-port.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { closesWithinMs, leaseCheckFor } from '../../src/core/haproxy/lease-check.ts';
import { leaseTerms } from '../../src/core/lease.ts';
import { callPeer } from '../../src/core/peer/api.ts';
import { routerApi } from '../../src/core/peer/router-api.ts';
import { runRouter } from '../../src/roles/router/router.ts';
import { eventually } from '../support/eventually.ts';
import { FakeZookeeper, type FakeCoordination } from '../support/fake-coordination.ts';
import { FakePeerNetwork } from '../support/fake-peers.ts';
import { freePortPair } from '../support/free-port.ts';
import { startRealHaproxy, type RealHaproxy } from '../support/real-haproxy.ts';
import { usualReads } from '../support/usual-policies.ts';

const CONTROL = { host: '10.0.9.1', port: 7072 };
const SESSION_MS = 6000;
const timeoutMs = 10_000;

interface RunningRouter {
  readonly coordination: FakeCoordination;
  /** As if its process ended: with its lease port, without a word to ZooKeeper. */
  end(): Promise<void>;
}

/** A router on a real HAProxy, real time and a real lease port; ZooKeeper and the peers are fakes. */
class Stage {
  readonly zookeeper = new FakeZookeeper(() => Date.now());
  readonly peers = new FakePeerNetwork(systemClock);
  readonly real: RealHaproxy;
  readonly leasePort: number;

  constructor(real: RealHaproxy, leasePort: number) {
    this.real = real;
    this.leasePort = leasePort;
    this.publish(real.a.name, real.b.name);
  }

  publish(write: string, ...read: readonly string[]): void {
    this.zookeeper.put('/haproxy/g1', JSON.stringify({ read, write }));
  }

  start(): RunningRouter {
    const coordination = this.zookeeper.connect({ sessionTimeoutMs: SESSION_MS });
    const stop = new AbortController();
    const running = runRouter(
      {
        coordination,
        proxyOf: () => this.real.next(),
        leasePort: httpLeasePort,
        listener: this.peers,
        caller: this.peers.from(CONTROL.host),
        clock: systemClock,
        log: this.real.log,
      },
      {
        control: CONTROL,
        groups: ['g1'],
        leasePort: this.leasePort,
        defaultAgentPort: 7071,
        reads: usualReads,
      },
      stop.signal,
    );
    return {
      coordination,
      end: async () => {
        stop.abort();
        await running;
        coordination.cutOff();
      },
    };
  }

  async push(): Promise<unknown> {
    const params = { group: 'g1' };
    return callPeer(this.peers.from('10.0.0.9'), routerApi, CONTROL, { method: 'push', params, timeoutMs });
  }

  async isWriting(to: string): Promise<void> {
    await eventually(
      async () => {
        const session = await this.real.connect();
        session?.end();
        return session?.server === to;
      },
      { timeoutMs, everyMs: 5 },
    );
  }
}

async function staged(run: (stage: Stage) => Promise<void>): Promise<void> {
  const leasePort = await freePortPair('127.0.0.1');
  await using real = await startRealHaproxy({ lease: leaseCheckFor(leasePort, leaseTerms(SESSION_MS)) });
  await run(new Stage(real, leasePort));
}

test('a router brings HAProxy up, follows the route, and a push answers when it is in force', async (t) => {
  await staged(async (stage) => {
    const router = stage.start();
    await stage.isWriting(stage.real.a.name);
    const session = await stage.real.connect();
    stage.publish(stage.real.b.name, stage.real.a.name);
    const began = performance.now();
    assert.deepEqual(await stage.push(), {
      version: 1,
      write: stage.real.b.name,
      oldSessions: 0,
      held: false,
    });
    t.diagnostic(`push answered after ${(performance.now() - began).toFixed(0)} ms`);
    await stage.isWriting(stage.real.b.name);
    await eventually(() => session?.isOpen() === false, { timeoutMs });
    await router.end();
  });
});

test('sessions survive a restart of the router', async () => {
  await staged(async (stage) => {
    const first = stage.start();
    await stage.isWriting(stage.real.a.name);
    const session = await stage.real.connect();
    await first.end();
    const second = stage.start();
    await stage.isWriting(stage.real.a.name);
    await systemClock.pause(2 * closesWithinMs(stage.real.options.lease));
    assert.equal(session?.isOpen(), true);
    await second.end();
  });
});

test('after a router that does not come back, HAProxy closes the write side by itself; the next one opens it again', async (t) => {
  await staged(async (stage) => {
    const first = stage.start();
    await stage.isWriting(stage.real.a.name);
    const session = await stage.real.connect();
    await first.end();
    const began = performance.now();
    await eventually(() => session?.isOpen() === false, { timeoutMs, everyMs: 5 });
    const tookMs = performance.now() - began;
    const limitMs = closesWithinMs(stage.real.options.lease);
    t.diagnostic(
      `closed ${tookMs.toFixed(0)} ms after the router (at most ${limitMs} ms, session ${SESSION_MS} ms)`,
    );
    assert.ok(tookMs < limitMs + 100);
    assert.equal(await stage.real.connect(), undefined);
    assert.deepEqual(await stage.real.reads(), [stage.real.b.name]);
    const second = stage.start();
    await stage.isWriting(stage.real.a.name);
    await second.end();
  });
});

test('cut off without consent, a router closes before its session could end', async (t) => {
  await staged(async (stage) => {
    const router = stage.start();
    await stage.isWriting(stage.real.a.name);
    const session = await stage.real.connect();
    router.coordination.cutOff();
    const began = performance.now();
    await eventually(() => session?.isOpen() === false, { timeoutMs, everyMs: 5 });
    const tookMs = performance.now() - began;
    t.diagnostic(`closed ${tookMs.toFixed(0)} ms after contact was lost (session ${SESSION_MS} ms)`);
    assert.ok(tookMs < SESSION_MS);
    router.coordination.reconnect();
    await stage.isWriting(stage.real.a.name);
    await router.end();
  });
});
