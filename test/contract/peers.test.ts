import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createPeerCaller } from '../../src/adapters/net/peer-client.ts';
import { createPeerListener } from '../../src/adapters/net/peer-server.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import { recordingLog } from '../support/test-log.ts';

const SECRET = 'the secret of all processes';
const at: Endpoint = { host: '127.81.1.1', port: 7071 };
const other: Endpoint = { host: '127.81.1.2', port: 7071 };
const SOON = { timeoutMs: 2000 };

describe('calls between peers', { timeout: 60_000 }, () => {
  const log = recordingLog();
  const caller = createPeerCaller({ secret: SECRET });
  let server: AsyncDisposable;

  const handler = (method: string, params: unknown): Promise<unknown> => {
    switch (method) {
      case 'echo':
        return Promise.resolve(params);
      case 'nothing':
        return Promise.resolve(undefined);
      case 'refuse':
        throw new DcmhaError('MYSQL_UNREACHABLE', 'no connection to MySQL', {
          details: { code: 'ECONNREFUSED', reason: 'gone', epoch: 7, sure: true, nothing: undefined },
        });
      case 'break':
        throw new TypeError('reading the password s3cret failed');
      default:
        return new Promise(() => undefined);
    }
  };

  before(async () => (server = await createPeerListener({ secret: SECRET, log }).listen(at, handler)));
  after(() => server[Symbol.asyncDispose]());

  it('carries parameters and results as they are', async () => {
    const value = { text: 'a "quoted" ü line\n', numbers: [1, -2.5], nested: { on: true, none: null } };
    assert.deepEqual(await caller.call(at, 'echo', value, SOON), value);
    assert.equal(await caller.call(at, 'nothing', {}, SOON), undefined);
    const big = 'x'.repeat(900_000);
    assert.equal(await caller.call(at, 'echo', big, SOON), big);
  });

  it('passes a refusal through with its code, message and details', async () => {
    await assert.rejects(caller.call(at, 'refuse', {}, SOON), {
      name: 'DcmhaError',
      code: 'PEER_REFUSED',
      message: 'no connection to MySQL',
      details: {
        code: 'MYSQL_UNREACHABLE',
        reason: 'gone',
        epoch: 7,
        sure: true,
        peer: '127.81.1.1:7071',
      },
    });
  });

  it('keeps the text of an unexpected failure to itself', async () => {
    await assert.rejects(caller.call(at, 'break', {}, SOON), (error: unknown) => {
      assert.ok(error instanceof DcmhaError);
      assert.equal(error.code, 'PEER_REFUSED');
      assert.equal(error.details['code'], 'UNEXPECTED');
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /s3cret|password/);
      return true;
    });
    assert.ok(log.lines.some(({ level, message }) => level === 'error' && message.includes('failed')));
  });

  it('gives up at the deadline, and at once when it is told to', async () => {
    const started = performance.now();
    await assert.rejects(caller.call(at, 'hang', {}, { timeoutMs: 150 }), {
      code: 'PEER_UNREACHABLE',
      details: { peer: '127.81.1.1:7071', code: 'ETIMEDOUT' },
    });
    assert.ok(performance.now() - started < 1000);
    await assert.rejects(caller.call(at, 'hang', {}, { timeoutMs: 5000, signal: AbortSignal.timeout(20) }), {
      code: 'PEER_UNREACHABLE',
    });
    assert.ok(performance.now() - started < 2000);
  });

  it('tells at once that nobody listens', async () => {
    await assert.rejects(caller.call(other, 'echo', 1, SOON), {
      code: 'PEER_UNREACHABLE',
      details: { peer: '127.81.1.2:7071', code: 'ECONNREFUSED' },
    });
  });

  it('takes no call from somebody with another secret, and says why only in the log', async () => {
    using stranger = createPeerCaller({ secret: 'another secret' });
    await assert.rejects(stranger.call(at, 'echo', 1, SOON), { code: 'PEER_PROTOCOL' });
    assert.ok(log.lines.some(({ fields }) => fields['reason'] === 'wrong-proof'));
  });

  it('answers many calls at once, each its own', async () => {
    const calls = Array.from({ length: 200 }, (_, n) => caller.call(at, 'echo', n, SOON));
    assert.deepEqual(
      await Promise.all(calls),
      calls.map((_, n) => n),
    );
  });

  it('costs less than 2 ms a call over a kept connection', async () => {
    for (let n = 0; n < 50; n += 1) await caller.call(at, 'echo', n, SOON);
    const times: number[] = [];
    for (let n = 0; n < 200; n += 1) {
      const started = performance.now();
      await caller.call(at, 'echo', n, SOON);
      times.push(performance.now() - started);
    }
    const median = times.sort((a, b) => a - b)[100] ?? Infinity;
    assert.ok(median < 2, `median ${median.toFixed(2)} ms`);
  });

  it('goes on after the peer was restarted', async () => {
    const listener = createPeerListener({ secret: SECRET, log });
    for (let round = 0; round < 3; round += 1) {
      await using _server = await listener.listen(other, handler);
      assert.equal(await caller.call(other, 'echo', round, SOON), round);
      assert.ok(_server);
    }
  });

  it('names the address that it cannot listen at', async () => {
    await assert.rejects(createPeerListener({ secret: SECRET, log }).listen(at, handler), {
      code: 'CONFIG_INVALID',
      details: { address: '127.81.1.1:7071', code: 'EADDRINUSE' },
    });
    const nowhere = { host: '192.0.2.1', port: 7071 };
    await assert.rejects(createPeerListener({ secret: SECRET, log }).listen(nowhere, handler), {
      code: 'CONFIG_INVALID',
    });
  });
});
