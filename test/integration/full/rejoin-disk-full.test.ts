import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.ts';
import { ReturnStage } from '../../support/return-stage.ts';

const megabyte = 1024 * 1024;

/** Transactions are saved before anything is done to them, so without room nothing is done. */
describe('the return of an old primary whose disk is full', { skip: process.getuid?.() !== 0 }, () => {
  let stage: ReturnStage;
  const mounted: string[] = [];
  before(async () => {
    stage = await ReturnStage.start();
    await stage.run(
      await stage.sandbox.untilPrimary(),
      'CREATE TABLE app.notes (id INT AUTO_INCREMENT PRIMARY KEY, t LONGTEXT)',
    );
  });
  after(async () => {
    for (const directory of mounted.slice()) unmount(directory);
    await stage[Symbol.asyncDispose]();
  });

  function unmount(directory: string): void {
    execFileSync('umount', ['--lazy', directory]);
    mounted.splice(mounted.indexOf(directory), 1);
  }

  const count = async (at: string, table: string): Promise<number> =>
    Number((await stage.sandbox.query(at, `SELECT COUNT(*) AS n FROM ${table}`))[0]?.['n']);

  for (const [name, compression, pattern] of [
    ['refuses to begin to save what does not fit', 'OFF', /cannot save|no room|space/i],
    ['destroys nothing when the disk is full in the middle of saving', 'ON', /ENOSPC|no space/i],
  ] as const) {
    it(`${name}, says so, and goes on when there is room`, async () => {
      const { old } = await stage.diverge([
        `SET binlog_transaction_compression = ${compression}`,
        `INSERT INTO app.notes (t) VALUES (REPEAT('alone ', ${megabyte / 2}))`,
      ]);
      const directory = path.join(stage.hostDirectory(old), 'salvage');
      mkdirSync(directory, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
      mounted.push(directory);
      await stage.sandbox.start('mysqld', old);
      const [before, rows] = [await stage.executed(old), await count(old, 'app.notes')];
      const server = await eventually(
        async () => {
          const found = await stage.serverOf(old);
          assert.equal(found?.replication.split(',')[0], 'errant');
          assert.match(found.why, pattern);
          return found;
        },
        { timeoutMs: 40_000, everyMs: 300 },
      );
      assert.match(server.why, new RegExp(directory));
      assert.equal(await stage.executed(old), before);
      assert.equal(await count(old, 'app.notes'), rows);
      assert.deepEqual(
        stage.savedSets(old).filter((set) => !set.endsWith('.saving')),
        [],
        'nothing looks saved that is not',
      );
      execFileSync('mount', ['-o', 'remount,size=64m', directory]);
      assert.ok(statfsSync(directory).bavail > 0);
      await stage.untilReplicating(old);
      await stage.allEqual();
      assert.equal(stage.lastSaved(old).record.transactions.length, 1);
      unmount(directory);
    });
  }
});
