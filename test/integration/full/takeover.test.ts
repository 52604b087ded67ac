import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connectZookeeper } from '../../../src/adapters/zookeeper/connect.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { readHistory } from '../../../src/core/store/history.ts';
import { readJournal } from '../../../src/core/store/journal.ts';
import { readPrimary } from '../../../src/core/store/primary.ts';
import { znodes } from '../../../src/core/store/znodes.ts';
import type { Coordination } from '../../../src/ports/coordination.ts';
import { readSecret } from '../../../src/sandbox/connect.ts';
import { eventually } from '../../support/eventually.ts';
import { startSandbox, type TestSandbox } from '../../support/sandbox.ts';
import { silentLog } from '../../support/test-log.ts';

/** A failover of three servers has so many journal writes: the first, one a step, and the last. */
const writes = 12;

describe('a coordinator that is killed in the middle of a failover', () => {
  let sandbox: TestSandbox;
  let store: Coordination & AsyncDisposable;

  before(async () => {
    sandbox = await startSandbox({ hosts: 3, coordinators: 2, routers: 1 });
    store = await connectZookeeper({
      hosts: (await sandbox.status()).zookeeper,
      root: '/mysql',
      sessionTimeoutMs: 4000,
      auth: { user: 'dcmha', password: await readSecret(sandbox.dir, 'zookeeper') },
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  /** Kills the coordinator that runs the plan as soon as its journal has `entries` entries; returns its name. */
  async function killAt(entries: number): Promise<string> {
    const stop = new AbortController();
    const killed = new Promise<string>((resolve) => {
      let done = false;
      const look = async (): Promise<void> => {
        const state = await readJournal(store, 'g1');
        if (done || state?.kind !== 'running' || state.journal.entries.length < entries) return;
        done = true;
        await sandbox.kill('coordinator', state.journal.by);
        resolve(state.journal.by);
      };
      store.watchData(znodes.journal('g1'), () => void look(), stop.signal);
    });
    try {
      return await killed;
    } finally {
      stop.abort();
    }
  }

  for (let entries = 0; entries < writes - 1; entries += 1) {
    it(`after ${entries} steps: the other one finishes, and once`, async () => {
      const old = await sandbox.untilPrimary();
      const before = await readPrimary(store, 'g1');
      const { length } = await readHistory(store, 'g1');
      const killing = killAt(entries);
      await sandbox.kill('mysqld', old);
      const coordinator = await killing;
      await sandbox.untilPrimary({ not: old, timeoutMs: 40_000 });
      await eventually(async () => assert.equal(await readJournal(store, 'g1'), undefined), {
        timeoutMs: 40_000,
      });
      assert.equal((await readPrimary(store, 'g1'))?.epoch, (before?.epoch ?? 0) + 1);
      const [record, ...older] = await readHistory(store, 'g1');
      assert.deepEqual([record?.kind, record?.['result'], older.length], ['failover', 'done', length]);
      await sandbox.start('coordinator', coordinator);
      await sandbox.start('mysqld', old);
      await eventually(
        async () => {
          const rows = await Promise.all(
            sandbox
              .group()
              .members.map((member) => sandbox.query(member, 'SELECT @@gtid_executed AS set_now')),
          );
          assert.equal(new Set(rows.map(([row]) => String(row?.['set_now']))).size, 1);
        },
        { timeoutMs: 40_000, everyMs: 200 },
      );
    });
  }
});
