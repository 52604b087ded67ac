import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../../src/core/model/errors.ts';
import { proofOf } from '../../../src/core/wire/caching-sha2.ts';
import { Conversation, type ConversationOptions, type Turn } from '../../../src/core/wire/conversation.ts';
import { parseReceiverQuery } from '../../../src/core/wire/receiver-queries.ts';
import { recorded } from './recorded-receiver.ts';

const nonce = Buffer.from(recorded.nonce, 'hex');
const identity = {
  serverVersion: '9.7.4',
  serverId: 11,
  serverUuid: '11111111-2222-3333-4444-555555555555',
};

function conversation(changes: Partial<ConversationOptions> = {}): Conversation {
  return new Conversation({
    identity,
    account: { user: 'repl', password: recorded.password },
    offersTls: true,
    connectionId: 1,
    from: '127.0.0.1',
    now: () => 1_700_000_000,
    nonce,
    ...changes,
  });
}

function packetOf(hex: string): { sequence: number; payload: Buffer } {
  const bytes = Buffer.from(hex, 'hex');
  return { sequence: bytes.readUInt8(3), payload: bytes.subarray(4) };
}

const packets = recorded.packets.map(packetOf);
const login = packets[0]!;

/** What a turn comes to, in short. */
function shown(turn: Turn): string {
  if (turn.kind === 'dump') return `dump ${turn.request.have.toCompactString()} ${turn.heartbeatMs}`;
  if (turn.kind === 'start-tls') return turn.kind;
  const replies = turn.replies.map((reply) => (reply[0] === 0xff ? `ERR ${reply.readUInt16LE(1)}` : 'ok'));
  return `${turn.kind} ${replies.join(' ')}`;
}

test('the receiver of MySQL 9.7 is answered from its login to its request for events', () => {
  const talk = conversation();
  const turns = packets.map((packet) => shown(talk.accept(packet)));
  const value = 'reply ok ok ok ok ok';
  assert.deepEqual(turns, [
    'reply ok ok',
    value,
    value,
    'reply ok',
    'reply ok',
    value,
    value,
    value,
    'reply ok',
    'reply ok',
    'reply ERR 1193',
    `dump ${recorded.have} 1000`,
  ]);
  assert.ok(talk.isLoggedIn);
  assert.equal(talk.replicaUuid, recorded.replicaUuid);
});

test('the greeting offers the nonce in two parts, the plugin, and TLS when it can be had', () => {
  const greeting = conversation().greeting();
  assert.equal(greeting.subarray(0, 7).toString('hex'), `0a${Buffer.from('9.7.4\0').toString('hex')}`);
  assert.ok(greeting.includes(nonce.subarray(0, 8)) && greeting.includes(nonce.subarray(8)));
  assert.ok(greeting.toString('latin1').endsWith('caching_sha2_password\0'));
  const capabilities = (offersTls: boolean) =>
    conversation({ offersTls })
      .greeting()
      .readUInt16LE(7 + 4 + 8 + 1);
  assert.equal(capabilities(true) & 0x800, 0x800);
  assert.equal(capabilities(false) & 0x800, 0);
});

const strangers: [string, Partial<ConversationOptions>][] = [
  ['a wrong password', { account: { user: 'repl', password: 'other' } }],
  ['an unknown user', { account: { user: 'other', password: recorded.password } }],
  ['another nonce', { nonce: Buffer.alloc(20, 1) }],
  ['an account without a password', { account: { user: 'repl', password: '' } }],
];
for (const [what, changes] of strangers) {
  test(`${what} is error 1045, and the end`, () => {
    const talk = conversation(changes);
    const turn = talk.accept(login);
    assert.ok(turn.kind === 'close');
    assert.ok(turn.why?.includes('repl'));
    assert.match(
      turn.replies[0]!.toString('latin1'),
      /^\xff\x15\x04#28000Access denied for user 'repl'@'127/,
    );
    assert.ok(!talk.isLoggedIn);
  });
}

/** A login as other clients make it. */
function loginWith({
  plugin,
  proof,
  user = 'repl',
}: {
  plugin: string;
  proof: Buffer;
  user?: string;
}): Buffer {
  const capabilities = Buffer.alloc(32);
  capabilities.writeUInt32LE(0x200 | 0x8000 | 0x8_0000);
  return Buffer.concat([
    capabilities,
    Buffer.from(`${user}\0`),
    Buffer.from([proof.length]),
    proof,
    Buffer.from(`${plugin}\0`),
  ]);
}

test('a client with another plugin is asked to use this one', () => {
  const talk = conversation();
  const turn = talk.accept({
    sequence: 1,
    payload: loginWith({ plugin: 'mysql_native_password', proof: Buffer.alloc(20) }),
  });
  assert.ok(turn.kind === 'reply');
  assert.equal(turn.replies[0]![0], 0xfe);
  assert.ok(turn.replies[0]!.includes(nonce));
  assert.equal(
    shown(talk.accept({ sequence: 3, payload: proofOf(recorded.password, nonce) })),
    'reply ok ok',
  );
});

test('no command is taken from who has not logged in', () => {
  for (const { payload } of packets.slice(1)) {
    assert.throws(
      () => conversation().accept({ sequence: 0, payload }),
      (error) => hasCode(error, 'PEER_PROTOCOL'),
    );
  }
});

test('TLS begins once, and only where it is offered', () => {
  const request = Buffer.alloc(32);
  request.writeUInt32LE(0x200 | 0x800);
  const tls = { sequence: 1, payload: request };
  const talk = conversation();
  assert.equal(talk.accept(tls).kind, 'start-tls');
  assert.throws(
    () => talk.accept(tls),
    (error) => hasCode(error, 'PEER_PROTOCOL'),
  );
  assert.equal(shown(talk.accept({ ...login, sequence: 2 })), 'reply ok ok');
  assert.throws(
    () => conversation({ offersTls: false }).accept(tls),
    (error) => hasCode(error, 'PEER_PROTOCOL'),
  );
});

const commands: [string, string, string][] = [
  ['a client that leaves', '01', 'close '],
  ['a ping', '0e', 'reply ok'],
  ['a request by position', '1204000000', 'reply ERR 1236'],
  ['another command', '02', 'reply ERR 1047'],
  ['an empty command', '', 'close '],
  ['SQL of an application', Buffer.from('\x03SELECT * FROM mysql.user').toString('hex'), 'reply ERR 1295'],
];
for (const [what, hex, expected] of commands) {
  test(`${what} is answered with ${expected.trim()}`, () => {
    const talk = conversation();
    talk.accept(login);
    assert.equal(shown(talk.accept({ sequence: 0, payload: Buffer.from(hex, 'hex') })), expected);
  });
}

test('garbage is refused with a code, before and after the login', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isIn) => {
      const talk = conversation();
      if (isIn) talk.accept(login);
      try {
        talk.accept({ sequence: 0, payload: Buffer.from(bytes) });
      } catch (error) {
        assert.ok(hasCode(error, 'PEER_PROTOCOL'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('a damaged request for events is refused with a code', () => {
  const dump = packets.at(-1)!.payload;
  for (let at = 1; at < dump.length; at++) {
    const cut = conversation();
    cut.accept(login);
    assert.throws(
      () => cut.accept({ sequence: 0, payload: dump.subarray(0, at) }),
      (error) => hasCode(error, 'PEER_PROTOCOL'),
    );
  }
});

const queries: [string, object][] = [
  ['SELECT @master_binlog_checksum', { kind: 'value', of: 'checksum', column: '@master_binlog_checksum' }],
  ['SET @master_heartbeat_period= 60000001024', { kind: 'heartbeat', periodMs: 60_000 }],
  ['SET @master_heartbeat_period= 0', { kind: 'heartbeat', periodMs: 0 }],
  ['SET @master_binlog_checksum= @@global.binlog_checksum', { kind: 'noted' }],
  ["SET @slave_uuid= 'not one'", { kind: 'other' }],
  ['SELECT @@global.rpl_semi_sync_master_enabled', { kind: 'semi-sync' }],
  ['SELECT VERSION()', { kind: 'value', of: 'version', column: 'VERSION()' }],
];
for (const [text, expected] of queries) {
  test(`understands ${text}`, () => {
    assert.deepEqual(parseReceiverQuery(text), expected);
  });
}
