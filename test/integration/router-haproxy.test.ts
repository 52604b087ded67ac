import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { closesWithinMs } from '../../src/core/haproxy/lease-check.ts';
import type { ReaderTraits } from '../../src/core/decide/read-placement.ts';
import { parseServersState } from '../../src/core/haproxy/runtime-answers.ts';
import { formatEndpoint } from '../../src/core/model/endpoint.ts';
import { runtimeCommand } from '../../src/adapters/haproxy/runtime-socket.ts';
import { route } from '../contract/proxy-suite.ts';
import { eventually } from '../support/eventually.ts';
import { startNamedServer } from '../support/named-server.ts';
import { startRealHaproxy, type RealHaproxy } from '../support/real-haproxy.ts';
import { openSession, type TcpSession } from '../support/tcp-session.ts';

const timeoutMs = 5000;

async function sessions(real: RealHaproxy, count: number): Promise<readonly TcpSession[]> {
  const opened = await Promise.all(Array.from({ length: count }, () => real.connect()));
  return opened.filter((session) => session !== undefined);
}

const connected = async (real: RealHaproxy): Promise<TcpSession> => {
  const session = await openSession(real.write, 500);
  assert.ok(session, 'no connection');
  return session;
};

const ask = (real: RealHaproxy, command: string) =>
  runtimeCommand(path.join(real.options.runDirectory, 'g1.sock'), command, { timeoutMs });

test('under 200 open sessions a new writer gets every new connection and no old session is left', async (t) => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  await proxy.ensureRunning();
  await proxy.apply(route(a.endpoint, a.endpoint), { timeoutMs });
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const old = await sessions(real, 200);
    assert.equal(old.filter(({ server }) => server === from.name).length, 200);
    const began = performance.now();
    let firstNew = Number.NaN;
    const stop = new AbortController();
    const prober = (async () => {
      while (!stop.signal.aborted) {
        const session = await real.connect();
        if (session?.server === to.name && Number.isNaN(firstNew)) firstNew = performance.now() - began;
        assert.ok(session === undefined || session.server === to.name || Number.isNaN(firstNew));
        session?.end();
      }
    })();
    const state = await proxy.apply(route(to.endpoint, from.endpoint), { timeoutMs });
    const applied = performance.now() - began;
    assert.deepEqual([state.write, state.oldSessions], [to.name, 0]);
    await eventually(() => old.every((session) => !session.isOpen()), { timeoutMs, everyMs: 1 });
    const cut = performance.now() - began;
    await eventually(() => !Number.isNaN(firstNew), { timeoutMs, everyMs: 1 });
    stop.abort();
    await prober;
    t.diagnostic(
      `200 sessions: first new connection after ${firstNew.toFixed(1)} ms, all old ones seen closed after ${cut.toFixed(1)} ms, file and answer after ${applied.toFixed(1)} ms`,
    );
  }
});

test('sessions that do not end in time end with their process', async () => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  await proxy.ensureRunning();
  const { pid } = await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  const old = await sessions(real, 100);
  const state = await proxy.apply(route(b.endpoint, a.endpoint), { timeoutMs: 0 });
  assert.deepEqual([state.write, state.oldSessions], [b.name, 0]);
  assert.notEqual(state.pid, pid);
  await eventually(() => old.every((session) => !session.isOpen()), { timeoutMs });
  assert.equal((await real.connect())?.server, b.name);
});

test('a session whose client has gone, towards a host that is gone, does not hold the switch up', async () => {
  await using real = await startRealHaproxy();
  await using deaf = await startNamedServer('127.82.0.3', { deaf: true });
  const { proxy, b } = real;
  await proxy.ensureRunning();
  const { pid } = await proxy.apply(route(deaf.endpoint, b.endpoint), { timeoutMs });
  for (const session of await sessions(real, 20)) session.end();
  const state = await proxy.apply(route(b.endpoint, deaf.endpoint), { timeoutMs });
  assert.deepEqual([state.write, state.oldSessions, state.pid], [b.name, 0, pid]);
});

test('killed, haproxy is back at once with the same route', async (t) => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  await proxy.ensureRunning();
  await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  const { pid } = await proxy.state();
  process.kill(pid!, 'SIGKILL');
  const began = performance.now();
  const session = await eventually(() => connected(real), { timeoutMs, everyMs: 2 });
  t.diagnostic(`connections again ${(performance.now() - began).toFixed(0)} ms after kill -9`);
  assert.equal(session.server, a.name);
  assert.deepEqual(await real.reads(), [b.name]);
});

test('stopped, haproxy is killed and started again', async () => {
  await using real = await startRealHaproxy();
  const { proxy, a } = real;
  await proxy.ensureRunning();
  await proxy.apply(route(a.endpoint, a.endpoint), { timeoutMs });
  const { pid } = await proxy.state();
  process.kill(pid!, 'SIGSTOP');
  const session = await eventually(() => connected(real), { timeoutMs: 30_000 });
  assert.equal(session.server, a.name);
});

test('a router that stops vouching closes the write side and cuts its sessions', async (t) => {
  await using real = await startRealHaproxy();
  await real.proxy.apply(route(real.a.endpoint, real.b.endpoint), { timeoutMs });
  const [session] = await sessions(real, 1);
  real.lease = false;
  const began = performance.now();
  await eventually(() => session?.isOpen() === false, { timeoutMs, everyMs: 5 });
  t.diagnostic(
    `closed ${(performance.now() - began).toFixed(0)} ms after the lease (at most ${closesWithinMs(real.options.lease)} ms)`,
  );
  assert.equal(await real.connect(), undefined);
  assert.deepEqual(await real.reads(), [real.b.name]);
  real.lease = true;
  await real.proxy.apply(route(real.a.endpoint, real.b.endpoint), { timeoutMs });
  assert.equal((await real.connect())?.server, real.a.name);
});

test('a router that hangs closes the write side within the time that its lease leaves for it', async (t) => {
  await using real = await startRealHaproxy();
  await real.proxy.apply(route(real.a.endpoint, real.b.endpoint), { timeoutMs });
  const [session] = await sessions(real, 1);
  const limitMs = closesWithinMs(real.options.lease);
  await real.hangLease();
  const began = performance.now();
  await eventually(() => session?.isOpen() === false, { timeoutMs, everyMs: 5 });
  const tookMs = performance.now() - began;
  t.diagnostic(`closed after ${tookMs.toFixed(0)} ms; at most ${limitMs} ms`);
  assert.ok(tookMs < limitMs + 200, `${tookMs} ms`);
});

test("somebody's edit is taken over by a reload that leaves no write session behind; a comment needs none", async () => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  const same = route(a.endpoint, b.endpoint);
  const { pid } = await proxy.apply(same, { timeoutMs });
  await real.edit((text) => `# a comment\n${text.replace('    maxconn', '\n   maxconn')}`);
  assert.equal((await proxy.apply(same, { timeoutMs })).pid, pid);
  const [writer] = await sessions(real, 1);
  const reader = await openSession(real.read);
  await real.edit((text) => text.replace(/timeout client +1m/, 'timeout client 2m'));
  const state = await proxy.apply(same, { timeoutMs });
  assert.notEqual(state.pid, pid);
  assert.equal(state.write, a.name);
  await eventually(() => writer?.isOpen() === false, { timeoutMs });
  assert.equal(reader?.isOpen(), true);
  assert.equal((await real.connect())?.server, a.name);
  assert.match(readFileSync(real.file, 'latin1'), /^# a comment\n/);
});

test('an edit waits for a calm moment when the writer moves', async () => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  const { pid } = await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  await real.edit((text) => text.replace(/timeout client +1m/, 'timeout client 2m'));
  assert.equal((await proxy.apply(route(b.endpoint, a.endpoint), { timeoutMs })).pid, pid);
  assert.notEqual((await proxy.apply(route(b.endpoint, a.endpoint), { timeoutMs })).pid, pid);
});

test('a reader that is taken off keeps its sessions for a while, then they are cut and the server is deleted', async () => {
  await using real = await startRealHaproxy({ drainMs: 1000 });
  const { proxy, a, b } = real;
  await proxy.ensureRunning();
  const { pid } = await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  const reader = await openSession(real.read);
  await proxy.apply(route(a.endpoint, a.endpoint), { timeoutMs });
  assert.deepEqual([reader?.isOpen(), await real.reads()], [true, [a.name]]);
  await eventually(() => reader?.isOpen() === false, { timeoutMs });
  await eventually(async () => !(await ask(real, 'show servers state read')).includes(b.endpoint.host), {
    timeoutMs,
  });
  assert.equal((await proxy.apply(route(a.endpoint, a.endpoint, b.endpoint), { timeoutMs })).pid, pid);
  assert.deepEqual(await real.reads(), [a.name, b.name].sort());
});

test('readers elsewhere serve when no local one does; servers come, go and are weighed without a reload', async () => {
  await using real = await startRealHaproxy({ drainMs: 1 });
  const { proxy, a, b } = real;
  await proxy.ensureRunning();
  const traits = (one: ReaderTraits, other: ReaderTraits) =>
    new Map([
      [a.name, one],
      [b.name, other],
    ]);
  const both = route(a.endpoint, a.endpoint, b.endpoint);
  const weightOf = async (address: string) =>
    parseServersState(await ask(real, 'show servers state read')).find((server) => server.address === address)
      ?.weight;
  const local = { backup: false, weight: 100 };
  const remote = { backup: true, weight: 40 };
  const first = { timeoutMs, placement: traits(local, remote) };
  await proxy.apply(both, first);
  // `option allbackups` is new in the file: the one reload that it takes.
  const { pid } = await proxy.apply(both, first);
  assert.deepEqual(await real.reads(), [a.name]);
  const changed = { timeoutMs, placement: traits({ ...local, weight: 7 }, remote) };
  assert.equal((await proxy.apply(both, changed)).pid, pid);
  assert.deepEqual([await weightOf(a.name), await weightOf(b.name)], [7, 40]);
  assert.equal((await proxy.apply(route(a.endpoint, b.endpoint), changed)).pid, pid);
  await eventually(async () => (await weightOf(a.name)) === undefined, { timeoutMs });
  assert.deepEqual(await real.reads(), [b.name]);
  assert.equal((await proxy.apply(both, changed)).pid, pid, 'added at run time, with its weight');
  await eventually(async () => assert.deepEqual(await real.reads(), [a.name]), { timeoutMs });
  assert.equal(await weightOf(a.name), 7);
  await proxy.apply(route(a.endpoint, a.endpoint), changed);
  await eventually(async () => (await weightOf(b.name)) === undefined, { timeoutMs });
  assert.equal((await proxy.apply(both, changed)).pid, pid, 'a backup is added at run time, too');
  await a[Symbol.asyncDispose]();
  await eventually(async () => assert.deepEqual(await real.reads(), [b.name]), { timeoutMs });
});

test('a balance that allows no servers at run time is served by a reload', async () => {
  await using real = await startRealHaproxy();
  const { proxy, a, b } = real;
  await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  await real.edit((text) => text.replaceAll('balance roundrobin', 'balance static-rr'));
  const { pid } = await proxy.apply(route(a.endpoint, b.endpoint), { timeoutMs });
  const state = await proxy.apply(route(a.endpoint, a.endpoint, b.endpoint), { timeoutMs });
  assert.notEqual(state.pid, pid);
  assert.deepEqual(await real.reads(), [a.name, b.name].sort());
});

test('a writer given by name goes through a reload', async () => {
  await using real = await startRealHaproxy();
  const { proxy, a } = real;
  await using local = await startNamedServer('127.0.0.1');
  await proxy.apply(route(a.endpoint, a.endpoint), { timeoutMs });
  const [old] = await sessions(real, 1);
  const named = { host: 'localhost', port: local.endpoint.port };
  const state = await proxy.apply(route(named, a.endpoint), { timeoutMs });
  assert.equal(state.write, formatEndpoint(named));
  assert.equal((await real.connect())?.server, local.name);
  assert.equal(old?.isOpen(), false);
});

test('it does not start beside another process on its port', async () => {
  await using real = await startRealHaproxy();
  await using other = await startNamedServer(real.write.host, { port: real.write.port });
  await assert.rejects(real.proxy.apply(route(real.a.endpoint, real.a.endpoint), { timeoutMs }), {
    code: 'PROXY_REJECTED',
    message: new RegExp(`another process listens at ${other.name} of .*g1.cfg`),
  });
});

test('a program that is not there is named', async () => {
  await using real = await startRealHaproxy({ program: '/nowhere/haproxy' });
  await assert.rejects(real.proxy.apply(route(real.a.endpoint, real.a.endpoint), { timeoutMs }), {
    code: 'PROXY_REJECTED',
    message: /cannot run \/nowhere\/haproxy \(ENOENT\): install haproxy or set router\.haproxy/,
  });
});

test('an existing file with daemon and a pidfile is served in the foreground, its pidfile untouched', async () => {
  await using real = await startRealHaproxy();
  const pidfile = path.join(real.directory, 'theirs.pid');
  writeFileSync(pidfile, '4242\n');
  writeFileSync(
    real.file,
    `global\n\tdaemon\n\tpidfile ${pidfile}\ndefaults\n\tmode tcp\n\ttimeout connect 20s\n\ttimeout client 1m\n\ttimeout server 1m\n` +
      `listen write\n\tbind ${formatEndpoint(real.write)}\n\tserver g1 127.82.0.77:1 check\n` +
      `listen read\n\tbind ${formatEndpoint(real.read)}\n\tserver g11 127.82.0.77:1 check\n`,
  );
  await real.proxy.apply(route(real.a.endpoint, real.b.endpoint), { timeoutMs });
  assert.equal((await real.connect())?.server, real.a.name);
  assert.equal(readFileSync(pidfile, 'utf8'), '4242\n');
});

test('haproxy inherits no file of its router', async () => {
  await using real = await startRealHaproxy();
  const { pid } = await real.proxy.apply(route(real.a.endpoint, real.a.endpoint), { timeoutMs });
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  assert.ok(
    links
      .filter((link) => link.startsWith('/'))
      .every((link) => link === '/dev/null' || link.endsWith('haproxy.log') || link.startsWith('/dev/')),
    links.join(),
  );
});
