import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Crowd } from '../support/crowd.ts';
import { eventually } from '../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const timeoutMs = 30_000;

interface Row {
  readonly host: string;
  readonly lag: string;
  readonly reads: string;
  readonly why: string;
}

interface Group {
  readonly primary: string;
  readonly plan: string;
  readonly semiSync: string;
  readonly servers: readonly Row[];
}

/** One group whose commits must be acknowledged, from a late replica to the loss of two servers of three. */
describe('reads and durability', () => {
  let box: TestSandbox;
  const status = async (): Promise<Group> => {
    const { stdout } = await box.dcmha('status', '--json');
    return (JSON.parse(stdout) as { readonly groups: readonly [Group] }).groups[0];
  };
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

  it('a planned change keeps the promise: the new primary waits for a replica, and its clients lose nothing', async () => {
    const from = await box.untilPrimary();
    await eventually(
      async () => assert.equal((await status()).servers.filter(({ reads }) => reads === 'yes').length, 2),
      { timeoutMs },
    );
    await using crowd = await Crowd.start({
      dir: box.dir,
      at: box.listener('write'),
      clients: { reconnecting: 4, busy: 2, idle: 2 },
    });
    await eventually(() => crowd.acknowledged > 50, { timeoutMs });
    const moved = await box.dcmha('switchover', '--group', 'g1', '--yes', '--max-pause', '20s');
    assert.equal(moved.status, 0, moved.stderr);
    const then = crowd.acknowledged;
    await eventually(() => crowd.acknowledged > then + 50, { timeoutMs });
    const primary = await box.untilPrimary();
    assert.notEqual(primary, from);
    assert.equal((await crowd.stop(primary)).lost, 0);
    await eventually(
      async () =>
        assert.match(
          (await status()).semiSync,
          /^each commit waits for 1 of 2 .* [1-9]\d* were acknowledged, 0 were not/,
        ),
      { timeoutMs },
    );
  });

  it('with the primary and one replica gone nobody is promoted; when a server is back, the group goes on by itself', async () => {
    const primary = await box.untilPrimary();
    const [gone = '', left = ''] = await replicas();
    await box.kill('host', hostOf(gone));
    await insert();
    const [before] = await box.query(left, 'SELECT COUNT(*) AS n FROM app.beats', 'app');
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
