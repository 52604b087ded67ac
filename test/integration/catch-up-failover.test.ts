import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { eventually } from '../support/eventually.ts';
import { startSandbox, type TestSandbox } from '../support/sandbox.ts';

const historySchema = z.array(
  z.looseObject({
    kind: z.string(),
    carriedOver: z.number().optional(),
    lost: z.number().optional(),
    steps: z.array(z.looseObject({ step: z.string(), outcome: z.string(), tookMs: z.number() })),
  }),
);

describe('a failover when only the dead primary has the newest transactions', () => {
  let sandbox: TestSandbox;

  before(async () => {
    sandbox = await startSandbox({ hosts: 3, coordinators: 2, routers: 1 });
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  it('carries them over from its files before anybody writes', async (t) => {
    const old = await sandbox.untilPrimary();
    const replicas = sandbox.group().members.filter((member) => member !== old);
    await sandbox.query(
      old,
      'CREATE TABLE app.carried (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))',
      'app',
    );
    for (const replica of replicas) {
      await eventually(() => sandbox.query(replica, 'SELECT * FROM app.carried').then(() => true), {
        timeoutMs: 10_000,
      });
      await sandbox.query(replica, 'STOP REPLICA IO_THREAD', 'dcmha');
    }
    const inserts = Array.from({ length: 300 }, (_, n) => `INSERT INTO app.carried (v) VALUES ('row ${n}')`);
    await sandbox.query(old, inserts, 'app');
    await sandbox.kill('mysqld', old);
    const primary = await sandbox.untilPrimary({ not: old });
    const [row] = await sandbox.query(primary, 'SELECT COUNT(*) AS n FROM app.carried');
    assert.equal(Number(row?.['n']), inserts.length);

    const failover = await eventually(
      async () => {
        const { stdout } = await sandbox.dcmha('history', '--group', 'g1', '--json');
        const found = historySchema.parse(JSON.parse(stdout)).find(({ kind }) => kind === 'failover');
        if (found === undefined) throw new Error('the failover is not in the history yet');
        return found;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    assert.ok((failover.carriedOver ?? 0) >= inserts.length, JSON.stringify(failover));
    assert.equal(failover.lost, 0);
    t.diagnostic(failover.steps.map(({ step, tookMs }) => `${step} ${tookMs} ms`).join(', '));
  });
});
