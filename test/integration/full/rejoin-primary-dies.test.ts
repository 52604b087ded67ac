import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../../src/adapters/zookeeper/connect.ts';
import { writePolicy, type PolicyOverrides } from '../../../src/core/store/policy.ts';
import { readSecret } from '../../../src/sandbox/connect.ts';
import { ReturnStage } from '../../support/return-stage.ts';
import { silentLog } from '../../support/test-log.ts';

/** The old primary comes back to a new one that dies meanwhile. Tests share a sandbox; each leaves the group whole. */
describe('the return of an old primary whose successor dies', () => {
  let stage: ReturnStage;
  before(async () => {
    stage = await ReturnStage.start({ settings: { catchUp: { policy: 'always' } } });
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, n INT, t VARCHAR(200))',
      "INSERT INTO app.notes (n, t) VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    );
  });
  after(() => stage[Symbol.asyncDispose]());

  async function setPolicy(policy: PolicyOverrides): Promise<void> {
    await using store = await connectZookeeper({
      hosts: (await stage.sandbox.status()).zookeeper,
      root: '/mysql',
      sessionTimeoutMs: 4000,
      auth: { user: 'dcmha', password: await readSecret(stage.sandbox.dir, 'zookeeper') },
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
    await writePolicy(store, 'g1', policy);
  }

  /** Few commits to wait for, many rows to take back. */
  const changes = Array.from({ length: 25 }, (_, n) => [
    `INSERT INTO app.notes (n, t) VALUES ${Array.from({ length: 100 }, () => `(${n}, REPEAT('alone ', 20))`).join()}`,
    `UPDATE app.notes SET n = n + 1 WHERE id <= 3`,
  ]).flat();

  /** Diverges without a catch-up; from then on, nothing that is acknowledged may be lost. */
  async function diverge(): Promise<{ readonly old: string; readonly primary: string }> {
    await setPolicy({ catchUp: { policy: 'never' } });
    const ends = await stage.diverge(changes);
    await setPolicy({});
    return ends;
  }

  async function untilWhole(): Promise<void> {
    const primary = await stage.sandbox.untilPrimary();
    for (const server of stage.othersThan(primary)) await stage.untilReplicating(server);
    await stage.allEqual();
  }

  for (const [moment, step] of [
    ['started', 'save'],
    ['started', 'roll-back'],
    ['ended', 'ask'],
    ['started', 'reset'],
    ['ended', 'reset'],
    ['started', 'verify'],
  ] as const) {
    it(`goes on under the next one when ${step} has ${moment}`, async () => {
      const { sandbox } = stage;
      const { old, primary } = await diverge();
      const writer = await sandbox.writer({ everyMs: 10 });
      const log = stage.following(old);
      await sandbox.start('mysqld', old);
      const line = new RegExp(`"step ${moment}".*"step":"${step}"`);
      await log.until(line);
      await sandbox.kill('mysqld', primary);
      const next = await sandbox.untilPrimary({ not: primary, timeoutMs: 60_000 });
      await sandbox.start('mysqld', primary);
      const report = await writer.stop();
      await untilWhole();
      assert.deepEqual((await sandbox.check(next, report)).lost, []);
      const [row] = await sandbox.query(next, "SELECT COUNT(*) AS n FROM app.notes WHERE t LIKE 'alone%'");
      assert.equal(Number(row?.['n']), 0, 'what only the old primary had is taken back everywhere');
      assert.equal((await stage.lastReturn(old))?.result, 'done');
    });
  }
});
