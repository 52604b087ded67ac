import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { commandRunner } from '../../../src/adapters/system/command.ts';
import { httpPoster } from '../../../src/adapters/system/http.ts';
import { createLog, type LogSettings } from '../../../src/adapters/system/log.ts';
import { createStateFile } from '../../../src/adapters/system/state-file.ts';
import { DcmhaError } from '../../../src/core/model/errors.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const dir = makeScratch();
after(() => rmSync(dir, { recursive: true }));

function logTo(settings: Partial<LogSettings>) {
  const stream = new PassThrough();
  const log = createLog({ level: 'info', format: 'json', ...settings, stream });
  return {
    log,
    lines: () =>
      String(stream.read() ?? '')
        .split('\n')
        .slice(0, -1),
  };
}

test('a line is one JSON object: time, level and message first, then the fields', () => {
  const { log, lines } = logTo({});
  log.with({ group: 'g1' }).info('step started', { count: 7n, level: 'mine', at: new Map([['a', 1]]) });
  log.debug('not written');
  const [line = '', ...rest] = lines();
  assert.deepEqual(rest, []);
  assert.match(line, /^\{"time":"20[^"]+","level":"info","message":"step started",/);
  const { group, count, level, at } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([group, count, level, at], ['g1', '7', 'info', { a: 1 }]);
});

test('errors keep their code, circles are cut, nothing that a field holds breaks the line', () => {
  const { log, lines } = logTo({});
  const circle: { self?: unknown } = {};
  circle.self = circle;
  log.warn('odd', { error: new DcmhaError('LOCK_LOST', 'gone', { details: { path: '/x' } }) });
  log.warn('odd', { circle, text: 'two\nlines' });
  const [first = '', second = '', ...rest] = lines();
  assert.deepEqual(rest, []);
  const { error } = JSON.parse(first) as Record<string, unknown>;
  assert.deepEqual(error, { code: 'LOCK_LOST', message: 'gone', path: '/x' });
  assert.match(second, /Circular/);
});

test('text has one line per message, with the fields quoted where they must be', () => {
  const { log, lines } = logTo({ format: 'text', level: 'debug' });
  log.debug('looked', { server: '10.0.0.1:3306', why: 'two words\nand a line', missing: undefined });
  const [line = '', ...rest] = lines();
  assert.deepEqual(rest, []);
  assert.match(line, /^20\S+Z debug looked server=10\.0\.0\.1:3306 why="two words\\nand a line"$/);
});

test('a secret that slipped into a field is not written, in any form', () => {
  const secrets = ['pass"word', 'other'];
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = logTo({ format, secrets });
    log.info('sent', { sql: `IDENTIFIED BY 'pass"word'`, plain: 'other' });
    assert.doesNotMatch(lines().join(), /pass\\*"word|other/);
  }
});

test('a command gets its environment and standard input; its exit status and standard error come back', async () => {
  const script = 'echo "$GREETING $(cat)" >&2; exit 3';
  const result = await commandRunner.run(['sh', '-c', script], {
    env: { GREETING: 'hello' },
    stdin: '{"a":1}',
    timeoutMs: 5000,
  });
  assert.deepEqual(result, { exitCode: 3, stderr: 'hello {"a":1}' });
});

test('a command that reads nothing, or is not there, is no failure of ours', async () => {
  const options = { env: {}, stdin: 'x'.repeat(1_000_000), timeoutMs: 5000 };
  assert.equal((await commandRunner.run(['true'], options)).exitCode, 0);
  const missing = await commandRunner.run(['/nowhere/notify'], options);
  assert.equal(missing.exitCode, 127);
  assert.match(missing.stderr, /nowhere\/notify cannot be started/);
});

test('a command that hangs is killed with all that it started', async () => {
  const started = performance.now();
  const result = await commandRunner.run(['sh', '-c', 'sleep 1000 & sleep 1000'], {
    env: {},
    stdin: '',
    timeoutMs: 200,
  });
  assert.equal(result.exitCode, undefined);
  assert.ok(performance.now() - started < 5000);
});

test('a webhook gets the body; anything but a 2xx in time is a failure without its address', async () => {
  const bodies: string[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      bodies.push(body);
      if (request.url === '/hang?T0KEN') return;
      response.statusCode = Number(request.url?.slice(1, 4));
      response.setHeader('location', '/200');
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const post = (suffix: string) => httpPoster.post(`${origin}${suffix}`, '{"a":1}', { timeoutMs: 300 });
  await post('/204');
  assert.deepEqual(bodies, ['{"a":1}']);
  const secretless = (code: string) => (error: unknown) => {
    assert.ok(error instanceof DcmhaError);
    assert.equal(error.code, code);
    assert.doesNotMatch(JSON.stringify([error.message, error.details]), /T0KEN/);
    return true;
  };
  await assert.rejects(post('/500?T0KEN'), secretless('PEER_PROTOCOL'));
  await assert.rejects(post('/302?T0KEN'), secretless('PEER_PROTOCOL'));
  await assert.rejects(post('/hang?T0KEN'), secretless('PEER_UNREACHABLE'));
  server.closeAllConnections();
  server.close();
  await assert.rejects(post('/204?T0KEN'), secretless('PEER_UNREACHABLE'));
  await assert.rejects(httpPoster.post('T0KEN', '', { timeoutMs: 100 }), secretless('CONFIG_INVALID'));
});

test('a state file is what was written last, and never half of it', async () => {
  const file = path.join(dir, 'state', 'deep', 'agent.json');
  const state = createStateFile(file);
  assert.equal(await state.read(), undefined);
  await Promise.all(Array.from({ length: 20 }, (_, n) => state.write(`{"n":${n}}`)));
  assert.equal(await state.read(), '{"n":19}');
  assert.equal(readFileSync(file, 'utf8'), '{"n":19}');
  assert.deepEqual(readdirSync(path.dirname(file)), ['agent.json']);
  writeFileSync(path.join(dir, 'plain'), '');
  const impossible = createStateFile(path.join(dir, 'plain', 'agent.json'));
  await assert.rejects(impossible.write('x'), { code: 'UNEXPECTED', message: /cannot be written/ });
  await assert.rejects(createStateFile(dir).read(), { code: 'UNEXPECTED' });
});

test('a pause ends in time, or at once when it is aborted', async () => {
  const started = systemClock.monotonic();
  await systemClock.pause(20);
  assert.ok(systemClock.monotonic() - started >= 19);
  await systemClock.pause(10_000, AbortSignal.timeout(20));
  await systemClock.pause(10_000, AbortSignal.abort());
  await systemClock.pause(-5);
  assert.ok(systemClock.monotonic() - started < 5000);
});

test('work that is put off is done in time, or not at all when it is called off', async () => {
  const done: string[] = [];
  const callOff = systemClock.after(1, () => void done.push('called off'));
  callOff();
  await new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      done.push('in time');
      resolve();
    });
  });
  assert.deepEqual(done, ['in time']);
});
