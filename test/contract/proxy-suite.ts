import assert from 'node:assert/strict';
import test from 'node:test';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import type { Route } from '../../src/core/model/group.ts';
import type { Proxy } from '../../src/ports/proxy.ts';
import { eventually } from '../support/eventually.ts';
import type { TcpSession } from '../support/tcp-session.ts';

/** One group's proxy before two servers, and what a test may do to it. */
export interface ProxyHarness extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly a: Endpoint;
  readonly b: Endpoint;
  /** A client connects to the write side; undefined when it is refused. */
  readonly connect: () => Promise<TcpSession | undefined>;
  /** The servers that answer a few clients of the read side, sorted. */
  readonly reads: () => Promise<readonly string[]>;
  /** Puts something into the file that haproxy refuses. */
  readonly breakFile: () => Promise<void>;
  readonly mendFile: () => Promise<void>;
  /** kill -9. */
  readonly killHaproxy: () => Promise<void>;
  /** The proxy of a router that is started after this one ended. */
  readonly next: () => Proxy;
}

const timeoutMs = 5000;

/** What every {@link Proxy} does. */
export function proxyContract(kind: string, start: () => Promise<ProxyHarness>): void {
  const check = (name: string, run: (harness: ProxyHarness) => Promise<void>): void => {
    test(`${kind}: ${name}`, async () => {
      await using harness = await start();
      await run(harness);
    });
  };

  check('is closed for writes until a route is applied', async ({ proxy, connect }) => {
    await proxy.ensureRunning();
    const state = await proxy.state();
    assert.equal(state.write, '');
    assert.notEqual(state.pid, undefined);
    assert.equal(await connect(), undefined);
  });

  check('sends writes and reads where the route says', async ({ proxy, a, b, connect, reads }) => {
    const state = await proxy.apply(route(a, a, b), { timeoutMs });
    assert.equal(state.write, formatEndpoint(a));
    assert.equal((await connect())?.server, formatEndpoint(a));
    assert.deepEqual(await reads(), [a, b].map(formatEndpoint).sort());
  });

  check('cuts every old session before it opens for the new server', async ({ proxy, a, b, connect }) => {
    await proxy.apply(route(a, b), { timeoutMs });
    const sessions = await Promise.all(Array.from({ length: 20 }, connect));
    const state = await proxy.apply(route(b, a), { timeoutMs });
    assert.deepEqual([state.write, state.oldSessions], [formatEndpoint(b), 0]);
    await eventually(() => sessions.every((session) => session?.isOpen() === false), { timeoutMs });
    assert.equal((await connect())?.server, formatEndpoint(b));
  });

  check('leaves sessions alone when the same route is applied again', async ({ proxy, a, b, connect }) => {
    await proxy.apply(route(a, b), { timeoutMs });
    const session = await connect();
    await proxy.apply(route(a, b), { timeoutMs });
    await proxy.apply(route(a, a, b), { timeoutMs });
    assert.equal(session?.isOpen(), true);
  });

  check(
    'holds new connections while the route says so: nobody is refused, sessions go on',
    async (harness) => {
      const { proxy, a, b, connect } = harness;
      await proxy.apply(route(a, b), { timeoutMs });
      const session = await connect();
      const held = await proxy.apply({ ...route(a, b), holdMs: timeoutMs }, { timeoutMs });
      assert.deepEqual([held.held, held.write, session?.isOpen()], [true, formatEndpoint(a), true]);
      let answered = 0;
      const waiting = Array.from({ length: 20 }, () => connect().finally(() => answered++));
      await proxy.apply({ ...route(a, b), holdMs: timeoutMs + 1 }, { timeoutMs });
      assert.equal(answered, 0);
      const released = await proxy.apply(route(b, a), { timeoutMs });
      assert.deepEqual([released.held, released.write], [false, formatEndpoint(b)]);
      const servers = (await Promise.all(waiting)).map((one) => one?.server);
      assert.deepEqual([...new Set(servers)], [formatEndpoint(b)]);
    },
  );

  check('ends a hold with the router that held', async (harness) => {
    const { proxy, a, b, connect } = harness;
    await proxy.apply({ ...route(a, b), holdMs: timeoutMs }, { timeoutMs });
    const waiting = connect();
    await proxy.close({ stop: false });
    assert.equal((await waiting)?.server, formatEndpoint(a));
    assert.equal((await connect())?.server, formatEndpoint(a));
    assert.equal((await harness.next().state()).held, false);
  });

  check('closes the write side and goes on with reads', async ({ proxy, a, b, connect, reads }) => {
    await proxy.apply(route(a, b), { timeoutMs });
    const session = await connect();
    const state = await proxy.apply(route(undefined, b), { timeoutMs });
    assert.deepEqual([state.write, state.oldSessions], ['', 0]);
    await eventually(() => session?.isOpen() === false, { timeoutMs });
    assert.equal(await connect(), undefined);
    assert.deepEqual(await reads(), [formatEndpoint(b)]);
  });

  check(
    'takes readers off and on, and falls back to the writer without any',
    async ({ proxy, a, b, reads }) => {
      const steps: readonly (readonly [Route, readonly Endpoint[]])[] = [
        [route(a, b), [b]],
        [route(a, a, b), [a, b]],
        [route(a, a), [a]],
        [route(a), [a]],
        [route(undefined), []],
        [route(b, a, b), [a, b]],
      ];
      for (const [to, expected] of steps) {
        await proxy.apply(to, { timeoutMs });
        assert.deepEqual(await reads(), expected.map(formatEndpoint).sort());
      }
    },
  );

  check(
    'starts haproxy again when it dies, with the route in force',
    async ({ proxy, a, b, connect, killHaproxy }) => {
      await proxy.ensureRunning();
      await proxy.apply(route(a, b), { timeoutMs });
      const before = (await proxy.state()).pid;
      await killHaproxy();
      await eventually(async () => (await proxy.state()).pid !== undefined, { timeoutMs });
      assert.notEqual((await proxy.state()).pid, before);
      assert.equal((await connect())?.server, formatEndpoint(a));
    },
  );

  check(
    'does not open a closed write side when it starts haproxy again',
    async ({ proxy, a, b, connect, killHaproxy }) => {
      await proxy.ensureRunning();
      await proxy.apply(route(a, b), { timeoutMs });
      await proxy.apply(route(undefined, b), { timeoutMs });
      await killHaproxy();
      await eventually(async () => (await proxy.state()).pid !== undefined, { timeoutMs });
      assert.equal(await connect(), undefined);
    },
  );

  check('outlives its router: the next one adopts it with its sessions', async (harness) => {
    const { proxy, a, b, connect } = harness;
    await proxy.apply(route(a, b), { timeoutMs });
    const session = await connect();
    const { pid } = await proxy.state();
    await proxy.close({ stop: false });
    const next = harness.next();
    await next.ensureRunning();
    assert.equal((await next.apply(route(a, b), { timeoutMs })).pid, pid);
    assert.equal(session?.isOpen(), true);
    await next.apply(route(b, b), { timeoutMs });
    await eventually(() => !session.isOpen(), { timeoutMs });
  });

  check('starts closed after both it and its router died', async (harness) => {
    const { proxy, a, b, connect, reads } = harness;
    await proxy.apply(route(a, b), { timeoutMs });
    await proxy.close({ stop: true });
    await harness.next().ensureRunning();
    assert.equal(await connect(), undefined);
    assert.deepEqual(await reads(), [formatEndpoint(b)]);
  });

  check('refuses a file that haproxy refuses, and takes the route all the same', async (harness) => {
    const { proxy, a, b, connect, breakFile, mendFile } = harness;
    await proxy.apply(route(a, b), { timeoutMs });
    const { pid } = await proxy.state();
    const session = await connect();
    await breakFile();
    const same = await proxy.apply(route(a, b), { timeoutMs });
    assert.deepEqual([same.write, same.pid], [formatEndpoint(a), pid]);
    assert.match(same.rejected ?? '', /nonsense/);
    assert.equal(session?.isOpen(), true);
    assert.equal((await proxy.apply(route(b, a), { timeoutMs })).write, formatEndpoint(b));
    assert.equal((await connect())?.server, formatEndpoint(b));
    await mendFile();
    assert.equal((await proxy.apply(route(b, a), { timeoutMs })).rejected, undefined);
  });

  check('comes up with the last good file when the one on disk is refused', async (harness) => {
    const { proxy, a, b, connect, breakFile, killHaproxy } = harness;
    await proxy.ensureRunning();
    await proxy.apply(route(a, b), { timeoutMs });
    await breakFile();
    await killHaproxy();
    await eventually(async () => (await proxy.state()).pid !== undefined, { timeoutMs });
    assert.equal((await connect())?.server, formatEndpoint(a));
  });

  check(
    'without a good file it says what is wrong, and a closed route is in force',
    async ({ proxy, a, connect, breakFile }) => {
      await breakFile();
      await assert.rejects(proxy.apply(route(a, a), { timeoutMs }), {
        code: 'PROXY_REJECTED',
        message: /nonsense/,
      });
      const state = await proxy.apply(route(undefined, a), { timeoutMs });
      assert.deepEqual([state.write, state.oldSessions, state.pid], ['', 0, undefined]);
      assert.equal(await connect(), undefined);
    },
  );
}

export function route(write: Endpoint | undefined, ...read: readonly Endpoint[]): Route {
  return { write, read };
}
