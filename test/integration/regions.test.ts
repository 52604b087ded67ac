import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { ensureTemplate } from '../../src/sandbox/template.ts';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const checkSchema = z.object({ channels: z.array(z.object({ verdict: z.string(), says: z.string() })) });

const soon = { timeoutMs: 30_000, everyMs: 400 };

/** The account of regional channels. */
const account = { user: 'regional', password: 'kept-to-ourselves-7Q' } as const;

/** Group g1 is region eu, g2 is region us; each receives from the other with an account of its own, g1 over TLS. */
describe('two groups in two regions', () => {
  let sandbox: TestSandbox;
  /** Where the files of the other regions are. */
  let files: string;

  before(async () => {
    files = makeScratch();
    // Servers that are copies of one template have one CA.
    const template = await ensureTemplate();
    for (const name of ['ca.pem', 'client-cert.pem', 'client-key.pem'])
      await copyFile(path.join(template, name), path.join(files, name));
    await writeFile(path.join(files, 'password'), account.password, { mode: 0o600 });
    const addition = {
      graceMs: 1500,
      user: account.user,
      passwordFile: path.join(files, 'password'),
      sslCaFile: path.join(files, 'ca.pem'),
      sslCertFile: path.join(files, 'client-cert.pem'),
      sslKeyFile: path.join(files, 'client-key.pem'),
    };
    const settings = { coordinator: { tickMs: 1000 }, addition };
    sandbox = await startSandbox({ groups: 2, hosts: 2, coordinators: 1, routers: 1, settings });
    for (const name of ['g1', 'g2']) {
      const { user, password } = account;
      // The other region's is the same, so that neither stops at it.
      const statements = [
        `CREATE USER IF NOT EXISTS ${user}@'%' IDENTIFIED BY '${password}'`,
        `GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO ${user}@'%'`,
      ];
      await sandbox.query((await sandbox.primary(name))!, statements, 'dcmha');
    }
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
    await rm(files, { recursive: true, force: true });
  });

  const dcmha = (...args: readonly string[]) => sandbox.operate(...args);

  const group = (name: string) => sandbox.groupStatus(name);

  /** The channel works, and says from where. */
  const receives = (name: string, isRight: (source: string) => boolean = () => true) =>
    eventually(async () => {
      const { regions } = await group(name);
      assert.deepEqual(
        regions.map(({ state }) => state),
        ['replicating'],
      );
      const source = regions[0]!.source;
      assert.ok(isRight(source), source);
      return source;
    }, soon);

  /** g1 receives over TLS and shows its certificate; g2 does without. */
  async function logsInAsConfigured(): Promise<void> {
    for (const [name, ssl] of [
      ['g1', true],
      ['g2', false],
    ] as const) {
      const rows = await sandbox.query((await sandbox.primary(name))!, 'SHOW REPLICA STATUS');
      const row = rows.find((one) => one['Channel_Name'] !== '');
      const file = (base: string) => (ssl ? path.join(files, base) : '');
      assert.deepEqual(
        ['Source_User', 'Source_SSL_Allowed', 'Source_SSL_CA_File', 'Source_SSL_Cert'].map(
          (key) => row?.[key] as unknown,
        ),
        [account.user, ssl ? 'Yes' : 'No', file('ca.pem'), file('client-cert.pem')],
      );
    }
  }

  /** Ends the sessions of regional channels at a server, so that they log in anew. */
  async function logOut(at: string): Promise<void> {
    const sessions = await sandbox.query(
      at,
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = '${account.user}' AND COMMAND LIKE 'Binlog Dump%'`,
      'dcmha',
    );
    assert.notEqual(sessions.length, 0);
    for (const { id } of sessions) await sandbox.query(at, `KILL ${String(id)}`, 'dcmha');
  }

  const members = () => [...sandbox.group('g1').members, ...sandbox.group('g2').members];
  const isRegional = async (at: string) =>
    (await sandbox.query(at, 'SHOW REPLICA STATUS')).some((row) => row['Channel_Name'] !== '');

  it('looks before anything is changed, and refuses a group as its own source', async () => {
    const list = (name: string) => sandbox.group(name).members.join(',');
    await dcmha('addition', 'regionmeta', '--region', 'eu', '--hosts', list('g1'));
    const withTls = sandbox.group('g2').members.map((member) => [hostOf(member), { port: 3306, ssl: 1 }]);
    const us = JSON.stringify(Object.fromEntries(withTls));
    await dcmha('addition', 'regionmeta', '--region', 'us', '--hosts', us);
    const loop = await sandbox.dcmha('addition', 'replmeta', '--group', 'g1', '--region', 'eu');
    assert.equal(loop.status, 64);
    assert.match(loop.stderr, /is a member of group g1/);
    await dcmha('addition', 'replmeta', '--group', 'g1', '--region', 'us', '--dry-run');
    assert.deepEqual((await group('g1')).regions, []);
  });

  it('replicate each way, and survive the death of either primary: no row lost, none twice', async () => {
    for (const name of ['g1', 'g2']) {
      // Without a key, a row that is applied twice is there twice.
      const table = `CREATE TABLE app.of_${name} (id BIGINT UNSIGNED, at DATETIME(6), filler VARBINARY(64))`;
      await sandbox.query(sandbox.listener('write', name), table, 'app');
    }
    await dcmha('addition', 'replmeta', '--group', 'g1', '--region', 'us', '--ignore', 'app.secret%');
    await dcmha('addition', 'replmeta', '--group', 'g2', '--region', 'eu');
    await receives('g1');
    await receives('g2');
    await logsInAsConfigured();
    await using eu = await sandbox.writer({ group: 'g1', table: 'of_g1' });
    await using us = await sandbox.writer({ group: 'g2', table: 'of_g2' });
    const more = async () => {
      const [a, b] = [eu.progress().acknowledged + 100, us.progress().acknowledged + 100];
      await eventually(() => eu.progress().acknowledged > a && us.progress().acknowledged > b, soon);
    };
    await more();
    const former: [string, string][] = [];
    for (const name of ['g1', 'g2']) {
      const old = (await sandbox.primary(name))!;
      former.push([name, old]);
      await sandbox.kill('mysqld', old);
      await sandbox.untilPrimary({ group: name, not: old });
      await more();
    }
    const isAlive = (source: string) => former.every(([, old]) => old !== source);
    await Promise.all([receives('g1', isAlive), receives('g2', isAlive)]);
    await more();
    await Promise.all(former.map(([, old]) => sandbox.start('mysqld', old)));
    await eventually(async () => {
      for (const [name, old] of former) {
        const { servers } = await group(name);
        assert.equal(servers.find(({ host }) => host === old)?.replication.split(',')[0], 'replicating');
        assert.equal(await isRegional(old), false);
      }
    }, soon);
    await more();
    const reports = [await eu.stop(), await us.stop()];
    for (const at of members()) {
      await eventually(async () => {
        for (const report of reports) {
          const { lost, found } = await sandbox.check(at, report);
          assert.deepEqual(lost, [], `${report.table} at ${at}`);
          const [row] = await sandbox.query(at, `SELECT COUNT(*) AS n FROM ${report.table}`);
          assert.equal(Number(row?.['n']), found, `${report.table} at ${at} has rows twice`);
        }
      }, soon);
    }
    assert.deepEqual([...(await group('g1')).alerts, ...(await group('g2')).alerts], []);
  });

  it('does not receive what is ignored', async () => {
    const write = sandbox.listener('write', 'g2');
    const statements = ['CREATE TABLE app.secret_a (a INT)', 'CREATE TABLE app.open_a (a INT)'];
    await sandbox.query(write, statements, 'app');
    const eu = (await sandbox.primary('g1'))!;
    const tables = async () =>
      (
        await sandbox.query(
          eu,
          "SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_NAME LIKE '%\\_a'",
        )
      ).map((row) => String(row['name']));
    await eventually(async () => assert.deepEqual(await tables(), ['open_a']), soon);
  });

  it('moves to another server of the region when its source dies, and tells when none is left', async () => {
    const primary = (await sandbox.primary('g2'))!;
    const replica = sandbox.group('g2').members.find((one) => one !== primary)!;
    await dcmha('addition', 'replmeta', '--group', 'g1', '--region', 'us', '--host', replica);
    await receives('g1', (source) => source === replica);
    await sandbox.kill('mysqld', replica);
    await receives('g1', (source) => source === primary);
    await sandbox.kill('mysqld', primary);
    const lost = /no server of region us can be received from/;
    await eventually(async () => assert.match((await group('g1')).alerts.join(), lost), soon);
    const checked = await sandbox.dcmha('addition', 'check', '--group', 'g1', '--json');
    assert.equal(checked.status, 1);
    assert.equal(checkSchema.parse(JSON.parse(checked.stdout)).channels[0]?.verdict, 'none');
    await sandbox.start('mysqld', hostOf(primary));
    await receives('g1', (source) => source === primary);
    await eventually(async () => assert.doesNotMatch((await group('g1')).alerts.join(), lost), soon);
    await sandbox.start('mysqld', hostOf(replica));
  });

  it('tells of a wrong password, and of a certificate that is not to be trusted, and works again once they are right', async () => {
    const primary = (await sandbox.primary('g2'))!;
    await dcmha('addition', 'regionmeta', '--region', 'us', '--hosts', primary);
    await dcmha('addition', 'replmeta', '--group', 'g1', '--region', 'us', '--ssl', '--host', primary);
    await receives('g1', (source) => source === primary);
    const known = (password: string) => [
      'SET sql_log_bin = 0',
      `ALTER USER ${account.user}@'%' IDENTIFIED BY '${password}'`,
    ];
    const trusted = (name: string) =>
      copyFile(path.join(sandbox.dir, 'hosts', hostOf(primary), 'data', name), path.join(files, 'ca.pem'));
    for (const { spoil, repair, alert, says } of [
      {
        spoil: () => sandbox.query(primary, known('another'), 'dcmha'),
        repair: () => sandbox.query(primary, known(account.password), 'dcmha'),
        // A session of the coordinator's from before may still answer.
        alert: /region us (can be received from|answer the coordinators).*Access denied for user 'regional'/,
        says: /Access denied for user 'regional'/,
      },
      {
        spoil: () => trusted('client-cert.pem'),
        repair: () => trusted('ca.pem'),
        alert: /servers of region us answer the coordinators, but not \S+: .*certificate verify failed/,
        says: /certificate/,
      },
    ]) {
      await spoil();
      await logOut(primary);
      await eventually(async () => assert.match((await group('g1')).alerts.join(), alert), soon);
      const checked = await sandbox.dcmha('addition', 'check', '--group', 'g1', '--json');
      assert.equal(checked.status, 1);
      const [channel] = checkSchema.parse(JSON.parse(checked.stdout)).channels;
      assert.equal(channel?.verdict, 'none');
      assert.match(channel.says, says);
      await repair();
      await receives('g1', (source) => source === primary);
      await eventually(async () => assert.deepEqual((await group('g1')).alerts, []), soon);
    }
  });

  it('keeps the password to itself', async () => {
    const needle = Buffer.from(account.password);
    const holds = async (file: string) =>
      (await readFile(file).catch(() => Buffer.alloc(0))).includes(needle);
    // Logs of all roles and servers, what ZooKeeper keeps, configuration; MySQL's own data are its own matter.
    const entries = await readdir(sandbox.dir, { recursive: true, withFileTypes: true });
    const written = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    const looked = written.filter((file) => !/\/hosts\/[^/]+\/data\//.test(file));
    assert.ok(
      looked.some((file) => file.includes('zookeeper')) && looked.some((file) => file.endsWith('agent.log')),
    );
    const started = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    for (const file of [...looked, ...started.map((pid) => `/proc/${pid}/cmdline`)])
      assert.equal(await holds(file), false, file);
    for (const command of [['status'], ['addition', 'list'], ['addition', 'check']])
      assert.ok(!(await dcmha(...command, '--json')).includes(account.password), command.join(' '));
  });

  it('takes a channel away that is not wanted any more', async () => {
    await dcmha('addition', 'remove', '--group', 'g1', '--region', 'us');
    await eventually(async () => {
      for (const at of sandbox.group('g1').members) assert.equal(await isRegional(at), false);
    }, soon);
    await dcmha('addition', 'remove', '--region', 'us');
  });
});
