import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createCloning } from '../../src/adapters/mysql/clone.ts';
import { grantStatements } from '../../src/core/model/grants.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type { MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { eventually } from '../support/eventually.ts';
import { endpointOf, RealServers } from '../support/real-mysql.ts';

const SOON = { timeoutMs: 10_000 };
const LONG = { timeoutMs: 60_000 };
const password = "managed ' secret";

/** By an account that has what the program asks for, and nothing else. */
describe('cloning real servers', { timeout: 180_000 }, () => {
  let servers: RealServers;
  let donor: MysqldHandle;
  let server: MysqldHandle;
  const login = { user: 'managed', password, ssl: undefined, socketOf: () => undefined, secrets: [password] };
  const cloning = createCloning(login);

  before(async () => {
    servers = new RealServers();
    [donor, server] = await Promise.all([
      servers.start('127.81.0.61'),
      servers.start('127.81.0.62', { loose_clone_delay_after_data_drop: 1 }),
    ]);
    for (const one of [donor, server]) {
      await sql(
        one,
        'SET SESSION sql_log_bin = 0, GLOBAL super_read_only = OFF',
        "CREATE USER managed@'%' IDENTIFIED BY 'managed '' secret'",
        ...grantStatements("managed@'%'"),
        'SET GLOBAL super_read_only = ON',
      );
    }
    await sql(
      donor,
      'SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF',
      'CREATE TABLE app.t (id INT PRIMARY KEY)',
      'INSERT INTO app.t VALUES (1), (2)',
      'CREATE TABLE app.m (id INT) ENGINE = MyISAM',
    );
    await sql(server, 'SET GLOBAL super_read_only = OFF', 'CREATE TABLE app.own (id INT PRIMARY KEY)');
  });
  after(() => servers[Symbol.asyncDispose]());

  const sql = (at: MysqldHandle, ...statements: readonly string[]) =>
    servers.query(at, 'root', ...statements);
  const standing = () => cloning.standing(endpointOf(server), SOON);

  async function refusal(attempt: Promise<unknown>): Promise<DcmhaError> {
    try {
      await attempt;
    } catch (error) {
      assert.ok(error instanceof DcmhaError);
      assert.ok(!error.message.includes(password), error.message);
      return error;
    }
    throw new Error('it was done');
  }

  it('tells what matters of a server that was never cloned to', async () => {
    assert.deepEqual(await standing(), { kind: 'none' });
    const facts = await cloning.facts(endpointOf(donor), SOON);
    assert.equal(facts.isActive, false);
    assert.deepEqual(facts.strangers, [{ table: 'app.m', engine: 'MyISAM' }]);
    assert.match(facts.version, /^\d+\.\d+\.\d+/);
    assert.match(facts.executed, /:1-/);
    assert.ok(facts.sizeBytes > 1_000_000 && facts.sizeBytes < 1_000_000_000, `${facts.sizeBytes}`);
  });

  it('loads the plugin once, and writes no transaction for it', async () => {
    const { executed } = await cloning.facts(endpointOf(donor), SOON);
    await cloning.install(endpointOf(donor), SOON);
    await cloning.install(endpointOf(donor), SOON);
    const facts = await cloning.facts(endpointOf(donor), SOON);
    assert.deepEqual([facts.isActive, facts.executed], [true, executed]);
    await sql(server, 'SET GLOBAL super_read_only = ON');
    assert.match((await refusal(cloning.install(endpointOf(server), SOON))).message, /super-read-only/);
    await sql(server, 'SET GLOBAL super_read_only = OFF, GLOBAL read_only = ON');
    await cloning.install(endpointOf(server), SOON);
  });

  it('tells a CLONE that was refused before it touched anything', async () => {
    const nobody = { host: '127.81.0.63', port: 3306 };
    assert.equal((await refusal(cloning.clone(endpointOf(server), nobody, LONG))).code, 'MYSQL_REJECTED');
    const found = await standing();
    assert.equal(found.kind, 'refused');
    assert.equal((await sql(server, 'SELECT * FROM app.own')).length, 0);
  });

  it('tells a CLONE whose donor died, once that is back', async () => {
    const broken = refusal(cloning.clone(endpointOf(server), endpointOf(donor), LONG));
    await eventually(async () => assert.equal((await standing()).kind, 'running'), LONG);
    await eventually(
      async () =>
        assert.equal((await sql(server, "SHOW TABLES IN app LIKE 'own'").catch(() => [])).length, 0),
      LONG,
    );
    await donor.kill();
    await donor.start();
    const { code, message } = await broken;
    assert.equal(code, 'MYSQL_REJECTED');
    const half = await standing();
    assert.equal(half.kind, 'half', message);
  });

  it('tells a CLONE that was killed after it had dropped the data, and completes the next', async () => {
    const broken = cloning.clone(endpointOf(server), endpointOf(donor), LONG);
    const seen = await eventually(
      async () => {
        const now = await standing();
        assert.ok(now.kind === 'running' && now.hasDropped, now.kind);
        return now;
      },
      { timeoutMs: 20_000, everyMs: 20 },
    );
    await server.kill();
    await broken;
    await server.start();
    const half = await standing();
    assert.ok(half.kind === 'half');
    assert.equal(half.begunAt, seen.begunAt);
    await sql(server, 'SET GLOBAL super_read_only = OFF, GLOBAL read_only = ON');
    await cloning.clone(endpointOf(server), endpointOf(donor), LONG);
    await eventually(() => assert.equal(server.pid(), undefined), LONG);
    await server.start();
    const complete = await standing();
    assert.ok(complete.kind === 'complete');
    assert.notEqual(complete.begunAt, half.begunAt);
    assert.equal(complete.donor, `${donor.host}:${donor.port}`);
    assert.equal((await sql(server, 'SELECT * FROM app.t')).length, 2);
    const executed = async (at: MysqldHandle) => (await cloning.facts(endpointOf(at), SOON)).executed;
    assert.equal(await executed(server), await executed(donor));
  });
});
