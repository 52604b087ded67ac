import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { catchUpChannel } from '../../../src/core/perform/catch-up-standing.ts';
import { connectTo } from '../../../src/sandbox/connect.ts';
import { startSandbox, type TestSandbox } from '../../support/sandbox.ts';

const soon = { timeoutMs: 30_000, everyMs: 100 };

describe('a failover when only the dead primary has the newest transactions', () => {
  let sandbox: TestSandbox;

  before(async () => {
    const settings = { failover: { quorum: 'one', cooldownMs: 1 } };
    sandbox = await startSandbox({ hosts: 3, coordinators: 2, routers: 1, settings });
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  /** Rows and GTIDs of each. */
  const contents = (servers: readonly string[]) =>
    Promise.all(
      servers.map((at) =>
        sandbox.query(at, 'SELECT COUNT(*) AS n, SUM(id) AS sum, @@gtid_executed AS gtids FROM app.carried'),
      ),
    );

  /** So many transactions that no replica receives. */
  async function insertUnseen(primary: string, replicas: readonly string[], count: number) {
    for (const replica of replicas) {
      await eventually(() => sandbox.query(replica, 'SELECT * FROM app.carried').then(() => true), {
        timeoutMs: 10_000,
      });
      await sandbox.query(replica, 'STOP REPLICA IO_THREAD', 'dcmha');
    }
    const inserts = Array.from(
      { length: count },
      (_, n) => `INSERT INTO app.carried (v) VALUES ('row ${n}')`,
    );
    await sandbox.query(primary, inserts, 'app');
    return inserts;
  }

  it('carries them over from its files before anybody writes', async (t) => {
    const old = await sandbox.untilPrimary();
    const replicas = sandbox.group().members.filter((member) => member !== old);
    const create = 'CREATE TABLE app.carried (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))';
    await sandbox.query(old, create, 'app');
    const inserts = await insertUnseen(old, replicas, 300);
    await sandbox.kill('mysqld', old);
    const primary = await sandbox.untilPrimary({ not: old });
    const [row] = await sandbox.query(primary, 'SELECT COUNT(*) AS n FROM app.carried');
    assert.equal(Number(row?.['n']), inserts.length);

    const failover = await eventually(
      async () => {
        const found = (await sandbox.history()).find(({ kind }) => kind === 'failover');
        if (found === undefined) throw new Error('the failover is not in the history yet');
        return found;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    assert.ok((failover.carriedOver ?? 0) >= inserts.length, JSON.stringify(failover));
    assert.equal(failover.lost, 0);
    t.diagnostic(failover.steps.map(({ step, tookMs }) => `${step} ${tookMs} ms`).join(', '));
  });

  it('carries them over to another when the elected one dies meanwhile', async () => {
    const old = await sandbox.untilPrimary();
    for (const member of sandbox.group().members) await sandbox.start('mysqld', member);
    const replicas = sandbox.group().members.filter((member) => member !== old);
    await eventually(
      async () => assert.deepEqual(await contents(replicas), await contents([old, old])),
      soon,
    );
    // An agent that has not seen it follow yet would start the receiver again.
    await eventually(async () => {
      const { servers } = await sandbox.groupStatus();
      const following = servers.filter(({ replication }) => replication.startsWith('replicating'));
      assert.equal(following.length, replicas.length, JSON.stringify(servers));
    }, soon);
    await insertUnseen(old, replicas, 50);
    // What is carried over cannot be applied, so that it takes as long as the test needs.
    const locks = await Promise.all(
      replicas.map(async (at) => {
        const lock = await connectTo({ dir: sandbox.dir, at, as: 'app' });
        await lock.query('LOCK TABLES app.carried READ');
        return lock;
      }),
    );
    const [before] = await contents([old]);
    await sandbox.kill('mysqld', old);
    const elected = await eventually(async () => {
      const fetching = await Promise.all(
        replicas.map((at) =>
          sandbox.query(
            at,
            `SELECT 1 FROM performance_schema.replication_applier_status_by_worker WHERE CHANNEL_NAME = '${catchUpChannel}'`,
          ),
        ),
      );
      return (
        replicas[fetching.findIndex((rows) => rows.length > 0)] ??
        assert.fail(`nobody is caught up: ${(await sandbox.dcmha('status')).stdout}`)
      );
    }, soon);
    await sandbox.kill('mysqld', elected);
    for (const lock of locks) lock.destroy();
    const primary = await sandbox.untilPrimary({ not: old });
    assert.notEqual(primary, elected);
    assert.deepEqual(await contents([primary]), [before]);
    for (const member of [old, elected]) await sandbox.start('mysqld', member);
    await eventually(
      async () => assert.deepEqual(await contents([old, elected]), await contents([primary, primary])),
      soon,
    );
  });
});
