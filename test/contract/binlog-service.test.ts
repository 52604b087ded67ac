import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { createBinlogService } from '../../src/adapters/binlog-service/service.ts';
import { surveyTail } from '../../src/core/catch-up/survey-tail.ts';
import { encodeGtidSet } from '../../src/core/gtid/gtid-set-encoding.ts';
import { EMPTY_GTID_SET, parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { hasCode } from '../../src/core/model/errors.ts';
import { proofOf } from '../../src/core/wire/caching-sha2.ts';
import { framePacket } from '../../src/core/wire/packets.ts';
import type { BinlogListener, BinlogOffer } from '../../src/ports/binlog-service.ts';
import { readFixture, scan } from '../support/binlog.ts';
import { eventually } from '../support/eventually.ts';
import { memoryFiles } from '../support/memory-binlog.ts';
import { Random } from '../support/random.ts';
import { recordingLog } from '../support/test-log.ts';

const host = '127.84.4.1';
const account = { user: 'repl', password: 'a password of the tests' };
const limits = { loginMs: 300, stallMs: 300 };

/** A connection with all that was received on it. */
class Client {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  isClosed = false;

  constructor(port: number) {
    this.socket = connect({ host, port });
    this.socket.on('data', (chunk) => (this.received = Buffer.concat([this.received, chunk])));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.isClosed = true));
  }

  async greeted(): Promise<this> {
    await eventually(() => this.received.length > 60, { timeoutMs: 2000, everyMs: 2 });
    return this;
  }

  async login({ user, password }: { user: string; password: string }): Promise<void> {
    const version = this.received.indexOf(0, 5);
    const first = this.received.subarray(version + 5, version + 13);
    const second = this.received.subarray(version + 32, version + 44);
    const proof = proofOf(password, Buffer.concat([first, second]));
    const head = Buffer.alloc(32);
    head.writeUInt32LE(0x200 | 0x8000 | 0x8_0000);
    const plugin = Buffer.from('caching_sha2_password\0');
    const name = Buffer.from(`${user}\0`);
    this.socket.write(
      framePacket(1, Buffer.concat([head, name, Buffer.from([proof.length]), proof, plugin])),
    );
    const greeting = this.received.length;
    await eventually(() => this.received.length > greeting + 10, { timeoutMs: 2000, everyMs: 2 });
    this.received = Buffer.alloc(0);
  }

  requestEvents(have: string): void {
    const set = encodeGtidSet(parseGtidSet(have));
    const request = Buffer.alloc(23);
    request[0] = 0x1e;
    request.writeUInt32LE(set.length, 19);
    this.socket.write(framePacket(0, Buffer.concat([request, set])));
  }

  async closed(timeoutMs = 2000): Promise<void> {
    await eventually(() => this.isClosed, { timeoutMs, everyMs: 5 });
  }
}

describe('the binlog service', () => {
  const files = memoryFiles({ 'b.1': readFixture('transactions.000001') });
  const log = recordingLog();
  let listener: BinlogListener;
  let offer: BinlogOffer;
  let mayServe = true;

  before(async () => {
    const have = scan(readFixture('transactions.000001')).scanner.previousGtids ?? EMPTY_GTID_SET;
    const survey = await surveyTail(files, { have });
    assert.ok(survey.kind === 'tail');
    offer = {
      files,
      tail: survey.tail,
      isOffered: () => true,
      identity: { serverVersion: '9.7.4', serverId: 1, serverUuid: '11111111-2222-3333-4444-555555555555' },
      mayServe: () => mayServe,
    };
    listener = await createBinlogService({ account, log, limits }).listen({ host, port: 0 }, () => offer);
  });

  after(() => listener[Symbol.asyncDispose]());

  const login = (changes: { user?: string; password?: string; ssl?: object } = {}) =>
    createConnection({ host, port: listener.port, ...account, ...changes });

  /** The service still serves. */
  async function expectAlive(): Promise<void> {
    const connection = await login();
    await connection.ping();
    connection.destroy();
  }

  for (const [what, ssl] of [
    ['in plain text', {}],
    ['over TLS', { ssl: { rejectUnauthorized: false } }],
  ] as const) {
    it(`lets the replication account in ${what}, and nobody else`, async () => {
      const connection = await login(ssl);
      await connection.ping();
      await assert.rejects(() => connection.query('SELECT * FROM mysql.user'), { errno: 1295 });
      connection.destroy();
      await assert.rejects(() => login({ ...ssl, password: 'wrong' }), { errno: 1045 });
      await assert.rejects(() => login({ ...ssl, password: '' }), { errno: 1045 });
      await assert.rejects(() => login({ ...ssl, user: 'root' }), { errno: 1045 });
      await assert.rejects(() => login({ ...ssl, user: '' }), { errno: 1045 });
      await expectAlive();
    });
  }

  it('says in its log who was turned away, without what was tried', async () => {
    await assert.rejects(() => login({ user: 'someone', password: 'secret-guess' }), { errno: 1045 });
    await eventually(
      async () => {
        await login({ user: 'someone', password: 'secret-guess' }).catch(() => undefined);
        return log.lines.some(({ fields }) => JSON.stringify(fields).includes('someone'));
      },
      { timeoutMs: 3000 },
    );
    assert.ok(!JSON.stringify(log.lines).includes('secret-guess'));
    assert.ok(!JSON.stringify(log.lines).includes(account.password));
  });

  it('cuts off a client that says nothing, or too slowly', async () => {
    const silent = await new Client(listener.port).greeted();
    const slow = await new Client(listener.port).greeted();
    const drip = setInterval(() => slow.socket.write(Buffer.from([1])), 50);
    await Promise.all([silent.closed(), slow.closed()]);
    clearInterval(drip);
    await expectAlive();
  });

  it('cuts off one that closes only its half', async () => {
    const half = await new Client(listener.port).greeted();
    half.socket.end();
    await half.closed();
  });

  it('survives garbage', async () => {
    const random = new Random(5);
    for (let round = 0; round < 60; round += 1) {
      const client = await new Client(listener.port).greeted();
      const garbage = random.bytes(random.int(1, 400));
      client.socket.write(round % 2 === 0 ? garbage : framePacket(1, garbage));
      if (round % 3 === 0) client.socket.destroy();
      await client.closed();
    }
    await expectAlive();
  });

  it('takes no packet beyond its limit before the login', async () => {
    const client = await new Client(listener.port).greeted();
    client.socket.write(Buffer.from([0xff, 0xff, 0x10, 1]));
    await client.closed(250);
  });

  it('keeps no more than a few connections', async () => {
    const clients = Array.from({ length: 60 }, () => new Client(listener.port));
    await eventually(() => clients.filter(({ isClosed }) => isClosed).length >= 40, { timeoutMs: 2000 });
    await Promise.all(clients.map((client) => client.closed()));
    await expectAlive();
  });

  /** Asks for the events beyond a set, as a receiver does; what comes. */
  async function dump(have: string): Promise<Client> {
    const client = await new Client(listener.port).greeted();
    await client.login(account);
    client.requestEvents(have);
    return client;
  }

  it('sends the events, then heartbeats, and ends as soon as it may not serve any more', async () => {
    const client = await dump(offer.tail.have.toCompactString());
    await eventually(() => client.received.length > offer.tail.sizeBytes, { timeoutMs: 3000 });
    const sent = client.received.length;
    await eventually(() => client.received.length > sent, { timeoutMs: 3000 });
    mayServe = false;
    await client.closed(3000);
    mayServe = true;
  });

  it('refuses a replica that the offer was not made for, and anybody while it may not serve', async () => {
    const original = offer;
    offer = { ...offer, tail: { ...offer.tail, have: parseGtidSet(`${offer.identity.serverUuid}:1-9`) } };
    const other = await dump('');
    await other.closed();
    assert.match(
      other.received.toString('latin1'),
      /\xff\xd4\x04#HY000dcmha: the offer was made for another/,
    );
    offer = original;
    mayServe = false;
    const early = await dump(offer.tail.have.toCompactString());
    await early.closed();
    assert.match(early.received.toString('latin1'), /#HY000dcmha: the server beside takes writes/);
    mayServe = true;
  });

  it('reads no further than a receiver takes, and gives up one that takes nothing', async () => {
    const original = offer;
    const [file] = original.tail.files;
    assert.ok(file !== undefined);
    const piece = readFixture('transactions.000001').subarray(file.start, file.end);
    const many = Buffer.concat(Array.from({ length: 50 }, () => piece));
    let readBytes = 0;
    const endless: BinlogOffer['files'] = {
      list: () => original.files.list(),
      open: async (name) => ({
        ...(await original.files.open(name)),
        async *read() {
          while (readBytes < 500_000_000) {
            readBytes += many.length;
            yield await Promise.resolve(many);
          }
        },
      }),
    };
    offer = { ...original, files: endless };
    const client = await new Client(listener.port).greeted();
    await client.login(account);
    client.socket.pause();
    client.requestEvents(original.tail.have.toCompactString());
    await eventually(() => log.lines.some(({ fields }) => fields['code'] === 'TIMED_OUT'), {
      timeoutMs: 5000,
    });
    assert.ok(readBytes > many.length && readBytes < 100_000_000, `${readBytes}`);
    client.socket.destroy();
    offer = original;
    await expectAlive();
  });

  it('says which port it cannot have', async () => {
    const taken = { host, port: listener.port };
    await assert.rejects(
      () => createBinlogService({ account, log }).listen(taken, () => offer),
      (error) => hasCode(error, 'CONFIG_INVALID') && error.message.includes(String(listener.port)),
    );
  });
});
