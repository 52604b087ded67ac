import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createRollback } from '../../src/adapters/mysql/rollback.ts';
import { grantStatements } from '../../src/core/model/grants.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type { Endpoint } from '../../src/core/model/endpoint.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { eventually } from '../support/eventually.ts';
import { endpointOf, RealServers } from '../support/real-mysql.ts';

const SOON = { timeoutMs: 5000 };

describe('the MySQL adapter', { timeout: 180_000 }, () => {
  let servers: RealServers;
  let a: MysqldHandle;
  let b: MysqldHandle;

  before(async () => {
    servers = new RealServers();
    [a, b] = await Promise.all([
      servers.start('127.81.0.21'),
      servers.start('127.81.0.22', { max_connections: 4 }),
    ]);
  });
  after(() => servers[Symbol.asyncDispose]());

  const threadsOf = async (server: MysqldHandle): Promise<readonly number[]> => {
    const rows = await servers.query(server, 'admin', 'SHOW PROCESSLIST');
    return rows.filter((row) => row['User'] === 'dcmha').map((row) => Number(row['Id']));
  };

  it('keeps a session between calls, and gives its place to a new one when it was lost', async () => {
    const mysql = servers.mysql();
    await mysql.status(endpointOf(a), SOON);
    const kept = await threadsOf(a);
    for (let n = 0; n < 20; n += 1) await mysql.status(endpointOf(a), SOON);
    assert.deepEqual(await threadsOf(a), kept);
    await servers.query(a, 'root', `KILL ${kept.at(-1) ?? 0}`);
    assert.equal((await mysql.probe(endpointOf(a), SOON)).kind, 'up');
    assert.equal((await mysql.probe(endpointOf(a), SOON)).kind, 'up');
  });

  it('leaves no session behind: not after many calls at once, nor after deadlines, nor when it is disposed', async () => {
    const before = (await threadsOf(a)).length;
    const mysql = servers.mysql();
    await Promise.all(Array.from({ length: 20 }, () => mysql.probe(endpointOf(a), SOON)));
    const never = '00000000-0000-0000-0000-000000000001:1';
    for (let n = 0; n < 5; n += 1) {
      assert.equal(await mysql.waitExecuted(endpointOf(a), never, { timeoutMs: 150 }), false);
      await mysql.probe(endpointOf(a), { timeoutMs: 1 });
    }
    await eventually(async () => (await threadsOf(a)).length <= before + 2, SOON);
    await mysql[Symbol.asyncDispose]();
    await eventually(async () => (await threadsOf(a)).length === before, SOON);
    assert.equal((await mysql.probe(endpointOf(a), SOON)).kind, 'down');
  });

  it('ends a wait when it is told to', async () => {
    const mysql = servers.mysql();
    const started = performance.now();
    const signal = AbortSignal.timeout(100);
    const wait = mysql.waitExecuted(endpointOf(a), '00000000-0000-0000-0000-000000000001:1', {
      timeoutMs: 10_000,
      signal,
    });
    assert.equal(await wait, false);
    assert.ok(performance.now() - started < 3000);
    const probe = await mysql.probe(endpointOf(a), { timeoutMs: 1000, signal });
    assert.equal(probe.kind, 'down');
    assert.equal(probe.code, 'ABORT_ERR', 'not a sign of death');
  });

  it('takes a full connection table for a sign of life', async () => {
    const first = servers.mysql();
    const clients = [];
    for (;;) {
      try {
        clients.push(await servers.client(b, 'app'));
      } catch {
        break; // full
      }
    }
    assert.equal((await first.probe(endpointOf(b), SOON)).kind, 'up', 'the one session for administrators');
    const second = await servers.mysql().probe(endpointOf(b), SOON);
    assert.equal(second.kind, 'refused');
    assert.equal(second.errno, 1040);
    await first.openWrites(endpointOf(b), SOON);
    assert.equal((await first.fence(endpointOf(b), SOON)).killed, clients.length);
  });

  it('names the missing grant', async () => {
    const root = await servers.client(a, 'root');
    await root.query('SET SESSION sql_log_bin = 0, GLOBAL super_read_only = OFF');
    await root.query("CREATE USER bare@'%' IDENTIFIED BY 'bare secret'");
    await root.query('SET GLOBAL super_read_only = ON');
    const bare = servers.mysql({ account: { user: 'bare', password: 'bare secret' } });
    await assert.rejects(bare.fence(endpointOf(a), SOON), {
      code: 'MYSQL_REJECTED',
      message: /127\.81\.0\.21:3306 rejects SET .*SYSTEM_VARIABLES_ADMIN.*; grant the account/,
    });
    const probe = await bare.probe(endpointOf(a), SOON);
    assert.equal(probe.kind, 'refused');
    assert.match(probe.message, /REPLICATION CLIENT/);
    await assert.rejects(bare.follow(endpointOf(a), { source: endpointOf(b), channel: '' }, SOON), {
      code: 'MYSQL_REJECTED',
    });
  });

  it('shows no password in any error', async () => {
    const passwords = ['quote \' \\ and " sign', 'p4ssw0rd of replication'];
    const [password = '', replication = ''] = passwords;
    const root = await servers.client(a, 'root');
    await root.query('SET SESSION sql_log_bin = 0, GLOBAL super_read_only = OFF');
    await root.query(`CREATE USER odd@'%' IDENTIFIED BY ${root.escape(password)}`);
    await root.query("GRANT ALL ON *.* TO odd@'%'");
    await root.query('SET GLOBAL super_read_only = ON');
    const mysql = servers.mysql({
      account: { user: 'odd', password },
      replication: { user: 'repl', password: replication.repeat(20), ssl: false },
    });
    const source = { host: 'x'.repeat(300), port: 3306 };
    await assert.rejects(mysql.follow(endpointOf(a), { source, channel: '' }, SOON), (error: unknown) => {
      assert.ok(error instanceof DcmhaError);
      assert.equal(error.code, 'MYSQL_REJECTED');
      const all = JSON.stringify([error.message, error.details, error.stack, String(error.cause)]);
      for (const secret of passwords) assert.ok(!all.includes(secret), all);
      return true;
    });
    await assert.rejects(mysql.follow(endpointOf(a), { source, channel: "x' OR" }, SOON), { code: 'USAGE' });
  });

  it('keeps what a receiver has fetched when the source changes', async () => {
    const mysql = servers.mysql();
    await mysql.openWrites(endpointOf(a), SOON);
    await servers.query(a, 'app', 'CREATE TABLE app.kept (id INT PRIMARY KEY)');
    await mysql.follow(endpointOf(b), { source: endpointOf(a), channel: '' }, SOON);
    const before = (await mysql.status(endpointOf(a), SOON)).executed;
    assert.equal(await mysql.waitExecuted(endpointOf(b), before, SOON), true);
    await servers.query(b, 'root', 'STOP REPLICA SQL_THREAD');
    await servers.query(a, 'app', 'INSERT INTO app.kept VALUES (1)');
    const { executed } = await mysql.status(endpointOf(a), SOON);
    await eventually(async () => {
      const [channel] = (await mysql.status(endpointOf(b), SOON)).channels;
      return channel?.retrieved.endsWith(executed.slice(executed.lastIndexOf('-') + 1)) === true;
    }, SOON);
    await a.kill();
    // Nobody else has it any more. The applier starts and then waits for this lock, so it is busy when the source changes.
    const root = await servers.client(b, 'root');
    await root.query('FLUSH TABLES app.kept WITH READ LOCK');
    const elsewhere = { host: '127.81.0.29', port: 3306 };
    await mysql.follow(endpointOf(b), { source: elsewhere, channel: '' }, SOON);
    await root.query('UNLOCK TABLES');
    assert.equal(await mysql.waitExecuted(endpointOf(b), executed, SOON), true);
    const [channel] = (await mysql.status(endpointOf(b), SOON)).channels;
    assert.deepEqual(channel?.source, elsewhere);
    assert.notEqual(channel.receiver, 'off');
    await a.start();
    await mysql.resetReplication(endpointOf(b), '', SOON);
  });

  it('can do all its work with the grants that it asks for', async () => {
    for (const server of [a, b]) {
      const root = await servers.client(server, 'root');
      await root.query('SET SESSION sql_log_bin = 0, GLOBAL super_read_only = OFF');
      await root.query("CREATE USER managed@'%' IDENTIFIED BY 'managed secret'");
      for (const statement of grantStatements("managed@'%'")) await root.query(statement);
      await root.query('DROP DATABASE IF EXISTS dcmha');
      await root.query('SET GLOBAL super_read_only = ON');
      root.destroy();
    }
    const mysql = servers.mysql({ account: { user: 'managed', password: 'managed secret' } });
    await mysql.openWrites(endpointOf(a), SOON);
    assert.equal((await mysql.commitProbe(endpointOf(a), SOON)).kind, 'committed');
    await mysql.follow(endpointOf(b), { source: endpointOf(a), channel: 'region_x' }, SOON);
    const { executed } = await mysql.status(endpointOf(a), SOON);
    assert.equal(await mysql.waitExecuted(endpointOf(b), executed, SOON), true);
    await eventually(async () => {
      const [channel] = (await mysql.status(endpointOf(b), SOON)).channels;
      assert.equal(channel?.receiver, 'on');
      assert.ok((channel.lastHeardMs ?? Infinity) < 3000);
    }, SOON);
    await mysql.stopReceiver(endpointOf(b), 'region_x', SOON);
    await mysql.startReplication(endpointOf(b), 'region_x', SOON);
    await mysql.resetReplication(endpointOf(b), 'region_x', SOON);
    const login = { user: 'managed', password: 'managed secret', ssl: undefined, socketOf: () => undefined };
    const tagged = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2:moved:1-2';
    assert.equal(await createRollback({ ...login, secrets: [] }).burn(endpointOf(a), tagged, SOON), 4);
    const administrator = await servers.client(a, 'root');
    assert.ok((await mysql.sessionCount(endpointOf(a), SOON)) >= 1);
    assert.ok((await mysql.fence(endpointOf(a), SOON)).killed >= 1);
    await assert.rejects(administrator.query('SELECT 1'));
  });

  it('says that commits hang, with one session that waits however often it is asked', async () => {
    const mysql = servers.mysql();
    await mysql.openWrites(endpointOf(a), SOON);
    assert.equal((await mysql.commitProbe(endpointOf(a), SOON)).kind, 'committed');
    const root = await servers.client(a, 'root');
    await root.query('FLUSH TABLES WITH READ LOCK');
    const before = (await threadsOf(a)).length;
    for (let n = 0; n < 5; n += 1) {
      assert.equal((await mysql.commitProbe(endpointOf(a), { timeoutMs: 50 })).kind, 'stalled');
    }
    assert.ok((await threadsOf(a)).length <= before + 1);
    assert.equal((await mysql.probe(endpointOf(a), SOON)).kind, 'up');
    await root.query('UNLOCK TABLES');
    await eventually(async () => {
      assert.equal((await mysql.commitProbe(endpointOf(a), SOON)).kind, 'committed');
    }, SOON);
  });

  it('speaks TLS and the local socket, too', async () => {
    const tls = servers.mysql({ ssl: { ca: undefined } });
    assert.equal((await tls.probe(endpointOf(a), SOON)).kind, 'up');
    const strict = servers.mysql({ ssl: { ca: 'no certificate' } });
    const refused = await strict.probe(endpointOf(a), SOON);
    assert.equal(refused.kind, 'refused', 'somebody answered, but with a certificate that is not trusted');
    const local = servers.mysql({ socketOf: () => a.socket });
    assert.equal((await local.probe({ host: '192.0.2.1', port: 1 }, SOON)).kind, 'up');
    const gone = servers.mysql({ socketOf: () => '/nowhere/mysqld.sock' });
    const down = await gone.probe(endpointOf(a), SOON);
    assert.equal(down.kind, 'down');
    assert.equal(down.code, 'ENOENT');
  });

  it('logs in where the server does not remember the password, as after each restart', async () => {
    const logins = [{}, { ssl: { ca: undefined } }, { socketOf: () => a.socket }];
    for (const login of logins) {
      await servers.query(a, 'root', 'FLUSH PRIVILEGES');
      const probe = await servers.mysql(login).probe(endpointOf(a), SOON);
      assert.equal(probe.kind, 'up', JSON.stringify({ login: Object.keys(login), probe }));
    }
  });

  it('lets go of its socket though the other side never closes', async () => {
    let reset = false;
    const peers: Socket[] = [];
    const stranger = createServer({ allowHalfOpen: true }, (socket) => {
      // Only a socket that is gone, not one that merely has nothing more to say, answers with a reset.
      socket.on('error', () => (reset = true));
      peers.push(socket);
    });
    stranger.listen(0, '127.81.0.23');
    await once(stranger, 'listening');
    const at: Endpoint = { host: '127.81.0.23', port: (stranger.address() as AddressInfo).port };
    assert.equal((await servers.mysql().probe(at, { timeoutMs: 200 })).kind, 'down');
    await eventually(() => {
      for (const peer of peers) peer.write('x');
      return reset;
    }, SOON);
    stranger.close();
  });

  const strangers: readonly (readonly [string, (socket: Socket) => void])[] = [
    ['says nothing', () => undefined],
    ['hangs up', (socket) => socket.destroy()],
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
    ['speaks SSH', (socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n')],
    ['sends an empty packet', (socket) => socket.write(Buffer.from([0, 0, 0, 0]))],
    ['sends half a greeting', (socket) => socket.end(Buffer.from([74, 0, 0, 0, 10, 0x39, 0x2e]))],
    ['sends a short greeting', (socket) => socket.write(Buffer.from([3, 0, 0, 0, 10, 0x39, 0]))],
    ['sends noise', (socket) => socket.write(randomBytes(100_000))],
    ['sends packets of noise', (socket) => socket.write(packetOf(randomBytes(200)))],
  ];
  for (const [what, greet] of strangers) {
    it(`survives a port that ${what}`, async () => {
      const stranger = createServer((socket) => {
        socket.on('error', () => undefined);
        greet(socket);
      });
      stranger.listen(0, '127.81.0.23');
      await once(stranger, 'listening');
      const at: Endpoint = { host: '127.81.0.23', port: (stranger.address() as AddressInfo).port };
      const started = performance.now();
      const probe = await servers.mysql().probe(at, { timeoutMs: 400 });
      assert.notEqual(probe.kind, 'up');
      assert.ok(performance.now() - started < 2000);
      stranger.close();
    });
  }
});

function packetOf(payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([header, payload]);
}
