import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const timeoutMs = 30_000;

interface Row {
  readonly host: string;
  readonly lag: string;
  readonly reads: string;
  readonly why: string;
}

/** One group whose commits must be acknowledged, from a late replica to the loss of two servers of three. */
describe('reads and durability', () => {
  let box: TestSandbox;
  const status = () => box.groupStatus();
  const rowOf = async (host: string): Promise<Row | undefined> =>
    (await status()).servers.find((row) => row.host === host);
  const replicas = async (): Promise<readonly string[]> => {
    const primary = await box.untilPrimary();
    return box.group().members.filter((member) => member !== primary);
  };
  const delay = (at: string, seconds: number) =>
    box.query(
      at,
      ['STOP REPLICA SQL_THREAD', `CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}`, 'START REPLICA'],
      'dcmha',
    );
  const operator = (...args: readonly string[]) => box.operate(...args);
  const onlyThere = (server: string): RegExp =>
    new RegExp(
      `^each commit waits for 1 of 1 .*; each acknowledged transaction is on 1 of ${hostOf(server).replaceAll('.', '-')}$`,
    );
  const insert = async () => box.query(await box.untilPrimary(), 'INSERT INTO app.beats () VALUES ()', 'app');

  before(async () => {
    box = await startSandbox({
      coordinators: 1,
      mysqlOptions: { plugin_load_add: 'semisync_source.so;semisync_replica.so' },
      settings: {
        semiSync: { mode: 'required' },
        lag: { evictMs: 1500, returnMs: 1000, holdMs: 500 },
        failover: { quorum: 'one' },
        coordinator: { replicaGraceMs: 1000, tickMs: 1000 },
      },
    });
    const primary = await box.untilPrimary();
    await box.query(primary, 'CREATE TABLE app.beats (id INT PRIMARY KEY AUTO_INCREMENT)', 'app');
  });
  after(() => box[Symbol.asyncDispose]());

  it('a late replica leaves the read list, is told of in ms, and comes back', async () => {
    const [late = '', other = ''] = await replicas();
    await delay(late, 60);
    await insert();
    const row = await eventually(
      async () => {
        const now = await rowOf(late);
        assert.equal(now?.reads, 'off');
        return now;
      },
      { timeoutMs },
    );
    assert.match(row.why, /its data is more than \d+(\.\d+)? s old/);
    assert.ok(Number.parseInt(row.lag, 10) >= 1500, row.lag);
    assert.equal((await rowOf(other))?.reads, 'yes');
    await delay(late, 0);
    await eventually(async () => assert.equal((await rowOf(late))?.reads, 'yes'), { timeoutMs });
  });

  it('commits wait for a replica, and are counted', async () => {
    await insert();
    await eventually(
      async () =>
        assert.match(
          (await status()).semiSync,
          /^each commit waits for 1 of 2 .* [1-9]\d* were acknowledged, 0 were not/,
        ),
      { timeoutMs },
    );
  });

  it('a group that waits for the other data centre says who holds what, and no replica at home acknowledges', async () => {
    const primary = await box.untilPrimary();
    const [near = '', far = ''] = await replicas();
    for (const [host, dc] of [
      [primary, 'east'],
      [near, 'east'],
      [far, 'west'],
    ] as const)
      await operator('addmeta', '--group', 'g1', '--host', hostOf(host), '--dc', dc);
    await operator('policy', 'set', '--group', 'g1', 'semiSync.durability', 'other-dc');
    await eventually(async () => assert.match((await status()).semiSync, onlyThere(far)), { timeoutMs });
    const acknowledges = async (at: string) =>
      Number((await box.query(at, 'SELECT @@rpl_semi_sync_replica_enabled AS a'))[0]?.['a']);
    assert.deepEqual([await acknowledges(near), await acknowledges(far)], [0, 1]);
  });

  it('in mode auto a commit that nobody acknowledges ends all the same, and is counted', async () => {
    const [, far = ''] = await replicas();
    await operator('policy', 'set', '--group', 'g1', 'semiSync.timeoutMs', '300');
    await operator('policy', 'set', '--group', 'g1', 'semiSync.mode', 'auto');
    const primary = await box.untilPrimary();
    await eventually(
      async () => {
        const [row] = await box.query(primary, 'SELECT @@rpl_semi_sync_source_timeout AS ms');
        assert.equal(Number(row?.['ms']), 300);
      },
      { timeoutMs },
    );
    await box.kill('mysqld', far);
    await insert();
    await eventually(
      async () => {
        const { semiSync, servers } = await status();
        assert.match(semiSync, /^off, for a commit should wait for 1 .* [1-9]\d* were not/);
        const why = servers.find(({ host }) => host === primary)?.why ?? '';
        assert.match(why, /0 of 1 acknowledging replicas are attached/);
      },
      { timeoutMs },
    );
    await box.start('mysqld', far);
    await operator('policy', 'unset', '--group', 'g1', 'semiSync.mode');
    await eventually(async () => assert.match((await status()).semiSync, onlyThere(far)), { timeoutMs });
  });

  it('without the other data centre a commit waits, and nobody takes over who could not commit either', async () => {
    const primary = await box.untilPrimary();
    const [near = '', far = ''] = await replicas();
    await box.kill('mysqld', far);
    const cutOff = assert.rejects(insert());
    await eventually(
      async () => {
        const { alerts, semiSync } = await status();
        assert.match(alerts.join(), /no failover \(not-acknowledged\): its commits wait for 1 of /);
        assert.match(semiSync, /^no commit ends: /);
      },
      { timeoutMs },
    );
    assert.equal((await status()).primary, hostOf(primary).replaceAll('.', '-'));
    await box.kill('host', hostOf(primary));
    await cutOff;
    await eventually(
      async () =>
        assert.match(
          (await status()).plan,
          /blocked: what .* acknowledged may be lost: what 1 of \S+ hold must be known/,
        ),
      { timeoutMs },
    );
    await box.start('mysqld', far);
    assert.equal(await box.untilPrimary({ not: primary, timeoutMs }), near);
    await box.start('host', hostOf(primary));
    await insert();
    await operator('policy', 'unset', '--group', 'g1', 'semiSync.durability');
    await eventually(
      async () =>
        assert.match(
          (await status()).semiSync,
          /^each commit waits for 1 of 2 .*; each acknowledged transaction is on 2 of \S+, \S+, \S+$/,
        ),
      { timeoutMs },
    );
  });

  it('with the primary and one replica gone nobody is promoted; when a server is back, the group goes on by itself', async () => {
    const primary = await box.untilPrimary();
    const [gone = ''] = await replicas();
    await box.kill('host', hostOf(gone));
    await insert();
    const [before] = await box.query(primary, 'SELECT COUNT(*) AS n FROM app.beats', 'app');
    await box.kill('host', hostOf(primary));
    await eventually(
      async () => assert.match((await status()).plan, /blocked: what .* acknowledged may be lost: what 2 of/),
      { timeoutMs },
    );
    await box.start('host', hostOf(primary));
    const now = await box.untilPrimary();
    await insert();
    const [rows] = await box.query(now, 'SELECT COUNT(*) AS n FROM app.beats', 'app');
    assert.equal(Number(rows?.['n']), Number(before?.['n']) + 1);
  });
});
