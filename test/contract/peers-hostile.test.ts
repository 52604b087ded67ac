import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { CALL_PATH, headers, newNonce, proveRequest } from '../../src/adapters/net/hmac.ts';
import { createPeerCaller } from '../../src/adapters/net/peer-client.ts';
import { createPeerListener } from '../../src/adapters/net/peer-server.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import { silentLog } from '../support/test-log.ts';

const SECRET = 'the secret of all processes';
const at: Endpoint = { host: '127.81.1.3', port: 7071 };
const SOON = { timeoutMs: 2000 };

interface Crafted {
  readonly time?: number;
  readonly nonce?: string;
  readonly recipient?: string;
  readonly secret?: string;
  readonly signedBody?: string;
  readonly body?: string;
}

/** A request as a peer would send it, but for what `crafted` says. */
function requestText(crafted: Crafted): string {
  const time = String(crafted.time ?? Date.now());
  const nonce = crafted.nonce ?? newNonce();
  const recipient = crafted.recipient ?? `${at.host}:${at.port}`;
  const body = crafted.body ?? JSON.stringify({ method: 'echo', params: 1 });
  const facts = { verb: 'POST', path: CALL_PATH, recipient, time, nonce };
  const proof = proveRequest(crafted.secret ?? SECRET, facts, Buffer.from(crafted.signedBody ?? body));
  return [
    `POST ${CALL_PATH} HTTP/1.1`,
    `host: ${recipient}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `${headers.time}: ${time}`,
    `${headers.nonce}: ${nonce}`,
    `${headers.proof}: ${proof}`,
    '',
    body,
  ].join('\r\n');
}

/** Sends bytes; resolves to all that comes back until `until` is in it or the connection ends. */
async function exchange(bytes: string | Buffer, until = '\0'): Promise<{ text: string; ms: number }> {
  const started = performance.now();
  const socket: Socket = connect(at.port, at.host);
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (text.includes(until)) socket.destroy();
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
  return { text, ms: performance.now() - started };
}

describe('a peer port that strangers can reach', { timeout: 60_000 }, () => {
  let server: AsyncDisposable;
  let handled = 0;
  const turnedAway: string[] = [];
  const caller = createPeerCaller({ secret: SECRET });
  const statusOf = async (crafted: Crafted): Promise<string> =>
    (await exchange(requestText(crafted), '\r\n\r\n')).text.slice(9, 12);

  before(async () => {
    const listener = createPeerListener({
      secret: SECRET,
      log: silentLog,
      headersTimeoutMs: 600,
      requestTimeoutMs: 900,
    });
    const echo = (_method: string, params: unknown): Promise<unknown> => {
      handled += 1;
      return Promise.resolve(params);
    };
    server = await listener.listen(at, echo, (what, from) => turnedAway.push(`${what} (${from ?? ''})`));
  });
  after(() => server[Symbol.asyncDispose]());

  it('takes a proper request, which the following ones are variations of', async () => {
    assert.equal(await statusOf({}), '200');
  });

  const denied: readonly (readonly [string, Crafted])[] = [
    ['another secret', { secret: 'guess' }],
    ['a body that was changed on the way', { signedBody: '{"method":"echo","params":2}' }],
    ['another recipient', { recipient: '127.81.1.9:7071' }],
    ['another port of the recipient', { recipient: `${at.host}:7072` }],
    ['a recipient that is no address', { recipient: 'x' }],
  ];
  for (const [what, crafted] of denied) {
    it(`turns away ${what}, without a word`, async () => {
      const before = handled;
      const { text } = await exchange(requestText(crafted));
      assert.match(text, /^HTTP\/1\.1 401 /);
      assert.match(text, /\r\n\r\n$/, 'no body');
      assert.equal(handled, before);
      assert.match(
        turnedAway.at(-1) ?? '',
        /^a request .*(secret|another process).* \(127\.\d/,
        'the operator',
      );
    });
  }

  const otherTimes: readonly (readonly [string, number])[] = [
    ['too long ago', Date.now() - 31_000],
    ['in the future', Date.now() + 31_000],
    ['that is no number', NaN],
  ];
  for (const [what, time] of otherTimes) {
    it(`turns away a time ${what}, and tells one who knows the secret what time it is here`, async () => {
      const before = handled;
      const { text } = await exchange(requestText({ time }), '}');
      assert.match(text, /^HTTP\/1\.1 401 /);
      const now = Number(/\{"now":(\d+)\}/.exec(text)?.[1]);
      assert.ok(Math.abs(now - Date.now()) < 10_000, text);
      assert.equal(handled, before);
    });
  }

  it('hears a caller whose clock is an hour off, at the second attempt and from then on at the first', async () => {
    for (const offByMs of [3_600_000, -3_600_000]) {
      let asked = 0;
      using skewed = createPeerCaller({
        secret: SECRET,
        now: () => {
          asked += 1;
          return Date.now() + offByMs;
        },
      });
      assert.equal(await skewed.call(at, 'echo', 1, SOON), 1);
      const first = asked;
      assert.equal(await skewed.call(at, 'echo', 2, SOON), 2);
      assert.equal(asked, first + 1);
    }
  });

  it('takes the same request once only', async () => {
    const text = requestText({});
    const before = handled;
    assert.match((await exchange(text, '\r\n\r\n')).text, / 200 /);
    assert.match((await exchange(text, '\r\n\r\n')).text, / 401 /);
    assert.match(turnedAway.at(-1) ?? '', /recorded and sent again/);
    assert.equal(handled, before + 1);
  });

  it('turns away a request without proof, another path and another verb', async () => {
    const { text } = await exchange(`POST ${CALL_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
    assert.match(text, / 401 /);
    assert.match((await exchange('GET / HTTP/1.1\r\nhost: x\r\n\r\n')).text, / 404 /);
  });

  it('ends a connection that sends garbage', async () => {
    for (const bytes of [
      Buffer.from([0x16, 0x03, 0x01, 0, 0xff]),
      Buffer.alloc(100_000, 0xff),
      'SELECT 1;\n\n',
    ]) {
      assert.ok((await exchange(bytes)).ms < 2500);
    }
  });

  it('ends connections that send nothing, or a header or body drop by drop', async () => {
    const partial = requestText({}).slice(0, -5);
    for (const bytes of ['', 'POST /dcmha/1/call HTTP/1.1\r\nhost: x\r\n', partial]) {
      const { ms } = await exchange(bytes);
      assert.ok(ms < 4000, `${ms} ms`);
    }
  });

  it('reads no more than 1 MB', async () => {
    const body = JSON.stringify({ method: 'echo', params: 'x'.repeat(1024 * 1024) });
    const { text } = await exchange(requestText({ body }));
    assert.match(text, / 413 /);
    const announced = `POST ${CALL_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n`;
    assert.ok((await exchange(announced)).ms < 4000);
  });

  it('answers malformed calls of those who know the secret with a refusal', async () => {
    for (const body of ['', '[]', 'null', '{"method":1}', '{"method":"__proto__"', '\xff\xfe']) {
      const { text } = await exchange(requestText({ body }), '}');
      assert.match(text, / 200 /);
      assert.match(text, /PEER_PROTOCOL/);
    }
  });

  it('serves its peers all the while', async () => {
    const idle = Array.from({ length: 100 }, () => connect(at.port, at.host).on('error', () => undefined));
    assert.equal(await caller.call(at, 'echo', 5, SOON), 5);
    for (const socket of idle) socket.destroy();
  });
});

describe('a caller whose peer is somebody else', { timeout: 30_000 }, () => {
  const caller = createPeerCaller({ secret: SECRET });
  const host = '127.81.1.4';

  async function against(server: ReturnType<typeof createServer> | Server, code: string): Promise<void> {
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      await assert.rejects(caller.call({ host, port }, 'echo', 1, { timeoutMs: 500 }), { code });
    } finally {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
    }
  }

  it('does not take an unsigned answer for one', async () => {
    await against(
      createHttpServer((_request, response) => response.end('{"result":{"accepted":true}}')),
      'PEER_PROTOCOL',
    );
  });

  it('tells other servers from silence', async () => {
    const talking = createServer((socket) =>
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n'),
    );
    await against(talking, 'PEER_PROTOCOL');
    const closing = createServer((socket) => socket.destroy());
    await against(closing, 'PEER_UNREACHABLE');
    const silent = createServer((socket) => socket.on('error', () => undefined).unref());
    await against(silent, 'PEER_UNREACHABLE');
  });

  it('does not wait for the end of an endless answer', async () => {
    const endless = createHttpServer((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(100_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    await against(endless, 'PEER_PROTOCOL');
  });
});
