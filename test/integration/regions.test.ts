import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const statusSchema = z.object({
  groups: z.array(
    z.object({
      group: z.string(),
      alerts: z.array(z.string()),
      regions: z.array(z.object({ region: z.string(), source: z.string(), state: z.string() })),
      servers: z.array(z.object({ host: z.string(), role: z.string(), replication: z.string() })),
    }),
  ),
});
const checkSchema = z.object({ channels: z.array(z.object({ verdict: z.string(), says: z.string() })) });

const soon = { timeoutMs: 30_000, everyMs: 400 };

/** Group g1 is region eu, g2 is region us; each receives from the other. */
describe('two groups in two regions', () => {
  let sandbox: TestSandbox;

  before(async () => {
    const settings = { coordinator: { tickMs: 1000 }, addition: { graceMs: 1500 } };
    sandbox = await startSandbox({ groups: 2, hosts: 2, coordinators: 1, routers: 1, settings });
  });
  after(() => sandbox[Symbol.asyncDispose]());

  async function dcmha(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await sandbox.dcmha(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  async function group(name: string) {
    const { groups } = statusSchema.parse(JSON.parse(await dcmha('status', '--json')));
    return groups.find((one) => one.group === name)!;
  }

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

  const members = () => [...sandbox.group('g1').members, ...sandbox.group('g2').members];
  const isRegional = async (at: string) =>
    (await sandbox.query(at, 'SHOW REPLICA STATUS')).some((row) => row['Channel_Name'] !== '');

  it('looks before anything is changed, and refuses a group as its own source', async () => {
    const list = (name: string) => sandbox.group(name).members.join(',');
    await dcmha('addition', 'regionmeta', '--region', 'eu', '--hosts', list('g1'));
    await dcmha('addition', 'regionmeta', '--region', 'us', '--hosts', list('g2'));
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

  it('takes a channel away that is not wanted any more', async () => {
    await dcmha('addition', 'remove', '--group', 'g1', '--region', 'us');
    await eventually(async () => {
      for (const at of sandbox.group('g1').members) assert.equal(await isRegional(at), false);
    }, soon);
    await dcmha('addition', 'remove', '--region', 'us');
  });
});
