import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { readSecret } from '../../../src/sandbox/connect.ts';
import { eventually } from '../../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../../support/sandbox.ts';

const settingsSchema = z.object({
  settings: z.array(z.object({ key: z.string(), value: z.unknown(), from: z.string() })),
});

/** Server 1, the primary, is in east; 2 and 3 are in west. The tests follow each other, as a day of an operator. */
describe('three servers in two data centres', () => {
  let sandbox: TestSandbox;
  let one: string;
  let two: string;
  let three: string;

  before(async () => {
    sandbox = await startSandbox({
      hosts: 3,
      coordinators: 1,
      routers: 1,
      mysqlOptions: { plugin_load_add: 'semisync_source.so;semisync_replica.so' },
    });
    [one, two, three] = sandbox.group().members as [string, string, string];
    for (const [host, dc] of [
      [one, 'east'],
      [two, 'west'],
      [three, 'west'],
    ] as const)
      await dcmha('addmeta', '--group', 'g1', '--host', host, '--dc', dc);
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  const dcmha = (...args: readonly string[]) => sandbox.operate(...args);

  async function refused(pattern: RegExp, ...args: readonly string[]): Promise<void> {
    const { status, stderr } = await sandbox.dcmha(...args);
    assert.notEqual(status, 0);
    assert.match(stderr, pattern);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }

  const status = () => sandbox.groupStatus();

  const idOf = (server: string) => hostOf(server).replaceAll('.', '-');

  async function follows(replica: string, source: string): Promise<void> {
    await eventually(
      async () => {
        const row = (await status()).servers.find(({ host }) => host === replica);
        assert.deepEqual([row?.replication.split(',')[0], row?.source], ['replicating', source]);
      },
      { timeoutMs: 40_000, everyMs: 200 },
    );
  }

  /** What an operator types at a server. */
  async function at(server: string, ...sql: readonly string[]): Promise<void> {
    await sandbox.query(server, sql, 'dcmha');
  }

  /** The alert that tells the operator what to say. */
  async function approvalIsAsked(): Promise<void> {
    await eventually(
      async () =>
        assert.match((await status()).alerts.join(), /\(needs-approval\).*dcmha task approve --group g1$/),
      { timeoutMs: 30_000, everyMs: 100 },
    );
    assert.equal((await status()).primary, idOf(one));
  }

  it('waits for approval before the primary leaves its data centre, and fails over once it is given', async () => {
    const set = ['policy', 'set', '--group', 'g1', 'failover.crossDc'];
    await refused(/must be one of allowed, needs-approval, never, not "perhaps"/, ...set, 'perhaps');
    await dcmha(...set, 'needs-approval');
    const got = await dcmha('policy', 'get', '--group', 'g1', 'failover.crossDc', '--json');
    assert.deepEqual(settingsSchema.parse(JSON.parse(got)).settings[0]?.from, 'group');
    assert.match(
      await dcmha('explain', '--group', 'g1'),
      /if the primary died now: no failover \(needs-approval\): .*\nit would elect nobody .*; once approved: /,
    );
    await refused(/nothing waits for approval/, 'task', 'approve', '--group', 'g1', '--yes');
    await sandbox.kill('mysqld', one);
    await approvalIsAsked();
    await dcmha('task', 'approve', '--group', 'g1', '--yes');
    assert.equal(await sandbox.untilPrimary({ not: one }), two);
    assert.match(await dcmha('history', '--group', 'g1', '--json'), /"approvedBy": "/);
    await dcmha('policy', 'unset', '--group', 'g1', 'failover.crossDc');
    await sandbox.start('mysqld', one);
    await follows(one, two);
    await follows(three, two);
  });

  it('leaves a paused group to its operator, and records what was done by hand once it is so', async () => {
    await refused(/nothing is recorded: .* is read-only/, 'task', '--group', 'g1', '--host', one, '--yes');
    await dcmha('setwhite', '--group', 'g1', '--for', '10m', '--why', 'by hand');
    assert.match((await status()).paused, /by hand, until .* UTC, (?:9 min|10 min)/);
    const password = await readSecret(sandbox.dir, 'repl');
    await at(two, 'SET GLOBAL super_read_only = ON');
    const [row] = await sandbox.query(two, 'SELECT @@gtid_executed AS gtids', 'dcmha');
    await at(one, `SELECT WAIT_FOR_EXECUTED_GTID_SET('${String(row?.['gtids'])}', 10)`);
    await at(one, 'STOP REPLICA', 'RESET REPLICA ALL', 'SET GLOBAL read_only = OFF');
    await refused(/replicates from .*, not from/, 'task', '--group', 'g1', '--host', one, '--yes');
    const [host, port] = one.split(':');
    for (const replica of [two, three])
      await at(
        replica,
        'STOP REPLICA',
        `CHANGE REPLICATION SOURCE TO SOURCE_HOST='${host}', SOURCE_PORT=${port}, SOURCE_USER='repl', SOURCE_PASSWORD='${password}', SOURCE_AUTO_POSITION=1, SOURCE_SSL=0, GET_SOURCE_PUBLIC_KEY=1`,
        'START REPLICA',
      );
    const [open] = await sandbox.query(one, 'SELECT @@read_only AS ro');
    assert.equal(open?.['ro'], 0, 'no agent has closed it');
    await dcmha('task', '--group', 'g1', '--host', one, '--reroute', '--yes');
    assert.equal(await sandbox.untilPrimary(), one);
    await dcmha('unsetwhite', '--group', 'g1');
    await using writer = await sandbox.writer({ table: 'by_hand' });
    await eventually(() => writer.progress().acknowledged > 50, { timeoutMs: 20_000 });
    assert.deepEqual((await sandbox.check(one, await writer.stop())).lost, []);
    assert.equal((await status()).primary, idOf(one));
    await follows(two, one);
  });

  it('keeps a replica of a replica supplied when its intermediate dies, and brings it back', async () => {
    await dcmha('addmeta', '--group', 'g1', '--host', three, '--from', hostOf(two));
    await follows(three, two);
    assert.match(await dcmha('status', '--group', 'g1'), new RegExp(`└ ${three} .*from ${two}`));
    await refused(/in a circle/, 'addmeta', '--group', 'g1', '--host', two, '--from', hostOf(three));
    await sandbox.kill('mysqld', two);
    await follows(three, one);
    await sandbox.start('mysqld', two);
    await follows(three, two);
  });

  it('asks no more once the primary is back by itself', async () => {
    await dcmha('policy', 'set', '--group', 'g1', 'failover.crossDc', 'needs-approval');
    await using writer = await sandbox.writer({ table: 'came_back', everyMs: 20 });
    await eventually(() => writer.progress().acknowledged > 50, { timeoutMs: 20_000 });
    await sandbox.kill('mysqld', one);
    await approvalIsAsked();
    await sandbox.start('mysqld', one);
    const then = writer.progress().acknowledged;
    await eventually(() => writer.progress().acknowledged > then + 50, { timeoutMs: 30_000 });
    await eventually(async () => assert.deepEqual((await status()).alerts, []), {
      timeoutMs: 30_000,
      everyMs: 100,
    });
    await refused(/nothing waits for approval/, 'task', 'approve', '--group', 'g1', '--yes');
    assert.deepEqual([(await status()).primary, await sandbox.primary()], [idOf(one), one]);
    assert.deepEqual((await sandbox.check(one, await writer.stop())).lost, []);
  });

  it('loses no acknowledged row when the data centre of the primary is gone, and the move is approved', async () => {
    await dcmha('addmeta', '--group', 'g1', '--host', three, '--from', '');
    await dcmha('policy', 'set', '--group', 'g1', 'semiSync.mode', 'required');
    // The claim covers what was written before it only once both replicas hold that.
    await eventually(
      async () =>
        assert.match((await status()).semiSync, /each acknowledged transaction is on 2 of \S+, \S+, \S+$/),
      { timeoutMs: 30_000, everyMs: 200 },
    );
    await using writer = await sandbox.writer({ table: 'left_east', everyMs: 20 });
    await eventually(() => writer.progress().acknowledged > 50, { timeoutMs: 20_000 });
    await sandbox.kill('host', hostOf(one));
    await approvalIsAsked();
    await dcmha('task', 'approve', '--group', 'g1', '--yes');
    const west = await sandbox.untilPrimary({ not: one });
    const then = writer.progress().acknowledged;
    await eventually(() => writer.progress().acknowledged > then + 50, { timeoutMs: 20_000 });
    const report = await writer.stop();
    const { lost } = await sandbox.check(west, report);
    assert.deepEqual([report.outages.length, lost], [1, []]);
  });
});
