import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { readEventsRecord } from '../../src/core/store/events.ts';
import { readSecret } from '../../src/sandbox/connect.ts';
import { Crowd, type CrowdReport } from '../support/crowd.ts';
import { eventually } from '../support/eventually.ts';
import type { HistoryEntry } from '../support/history-entry.ts';
import { silentLog } from '../support/test-log.ts';
import { hostOf, startSandbox, type TestSandbox } from '../support/sandbox.ts';

const clients = { reconnecting: 12, busy: 4, idle: 4 };

describe('a switchover of real servers under a crowd of clients', () => {
  let sandbox: TestSandbox;
  const at = () => sandbox.listener('write');

  before(async () => {
    sandbox = await startSandbox({ hosts: 3, coordinators: 2, routers: 2 });
  });
  after(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  const primary = async (): Promise<string> => {
    const found = await sandbox.primary();
    assert.ok(found !== undefined);
    return found;
  };

  /** The newest record. */
  async function record(): Promise<HistoryEntry> {
    const [newest] = await sandbox.history();
    assert.ok(newest !== undefined);
    return newest;
  }

  /** Every other server follows the primary and has its rows. */
  async function whole(): Promise<void> {
    const { members } = sandbox.group();
    await eventually(
      async () => {
        const executed = await Promise.all(
          members.map((member) =>
            sandbox.query(member, 'SELECT @@GLOBAL.gtid_executed AS e, @@super_read_only AS r'),
          ),
        );
        assert.equal(new Set(executed.map(([row]) => String(row?.['e']))).size, 1);
        assert.equal(executed.filter(([row]) => Number(row?.['r']) === 0).length, 1);
        return true;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
  }

  /** What `act` does among the crowd, which goes on for a while before and after it. */
  async function amongCrowd(act: (crowd: Crowd) => Promise<void>): Promise<CrowdReport> {
    await using crowd = await Crowd.start({ dir: sandbox.dir, at: at(), clients });
    await eventually(() => crowd.acknowledged > 200, { timeoutMs: 20_000 });
    await act(crowd);
    const then = crowd.acknowledged;
    await eventually(() => crowd.acknowledged > then + 200, { timeoutMs: 20_000 });
    return await crowd.stop(await primary());
  }

  it('refuses no new connection, loses no row, and the old primary follows', async () => {
    const from = await primary();
    await sandbox.query(
      from,
      [
        'SET time_zone = "+05:00", sql_mode = "ANSI_QUOTES"',
        'CREATE DEFINER = app@`%` EVENT app.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM app.crowd',
        'CREATE EVENT app.retired ON SCHEDULE EVERY 1 DAY DISABLE DO DO 0',
      ],
      'dcmha',
    );
    // Its agent has put them on record.
    await eventually(async () => (await eventsOnRecord()).includes('nightly'), { timeoutMs: 20_000 });
    const report = await amongCrowd(async () => {
      await sandbox.operate('switchover', '--group', 'g1', '--yes');
    });
    assert.notEqual(await primary(), from);
    const { kind, result, steps } = await record();
    assert.deepEqual([kind, result], ['switchover', 'done']);
    const held = steps.find(({ step }) => step === 'hold-route');
    assert.ok(held !== undefined);
    // A connection that was asked for before all waited may still meet the old primary.
    const refused = report.failures.filter(({ connectedAt }) => connectedAt > held.at + held.tookMs);
    assert.deepEqual([report.lost, refused], [0, []]);
    await eventually(
      async () => {
        const asleep = [
          ['nightly', 'app@%', 'REPLICA_SIDE_DISABLED', '+05:00', 'ANSI_QUOTES'],
          ['retired', 'dcmha@%', 'REPLICA_SIDE_DISABLED'],
        ];
        const enabled = [['nightly', 'app@%', 'ENABLED', '+05:00', 'ANSI_QUOTES'], asleep[1]];
        assert.deepEqual(await eventsAt(await primary()), enabled);
        assert.deepEqual((await eventsAt(from))[0], asleep[0]);
        return true;
      },
      { timeoutMs: 20_000, everyMs: 200 },
    );
    await whole();
  });

  /** What the primary's agent has noted. */
  async function eventsOnRecord(): Promise<readonly string[]> {
    await using store = await connectZookeeper({
      hosts: (await sandbox.status()).zookeeper,
      root: '/mysql',
      sessionTimeoutMs: 4000,
      auth: { user: 'dcmha', password: await readSecret(sandbox.dir, 'zookeeper') },
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
    return ((await readEventsRecord(store, 'g1'))?.enabled ?? []).map(({ name }) => name);
  }

  /** Name, definer, state; of one that was made so, what else belongs to it. */
  async function eventsAt(member: string): Promise<readonly (readonly string[])[]> {
    const columns = 'EVENT_NAME AS n, DEFINER AS d, STATUS AS s, TIME_ZONE AS z, SQL_MODE AS m';
    const rows = await sandbox.query(member, `SELECT ${columns} FROM information_schema.EVENTS ORDER BY 1`);
    return rows.map(({ n, d, s, z, m }) => {
      const all = [n, d, s, z, m].map(String);
      return n === 'nightly' ? all : all.slice(0, 3);
    });
  }

  it('is refused with all that is wrong, and nothing is changed', async () => {
    const from = await primary();
    const [one, two] = sandbox.group().members.filter((member) => member !== from);
    assert.ok(one !== undefined && two !== undefined);
    await sandbox.query(one, 'STOP REPLICA SQL_THREAD', 'dcmha');
    const args = ['--group', 'g1', '--to', hostOf(one)];
    const rehearsed = await sandbox.dcmha('switchover', ...args, '--dry-run');
    assert.match(rehearsed.stdout, /would be refused: .*its replication does not run/);
    const { status, stderr } = await sandbox.dcmha('switchover', ...args, '--yes');
    assert.equal(status, 1);
    assert.match(stderr, /refused, nothing was changed: .*its replication does not run/);
    assert.equal(await primary(), from);
    await sandbox.query(one, 'START REPLICA SQL_THREAD', 'dcmha');
  });

  it('is taken back by itself when clients would wait for too long', async () => {
    const from = await primary();
    const report = await amongCrowd(async () => {
      const limits = ['--max-pause', '55ms', '--drain', '50ms'];
      const { status, stderr } = await sandbox.dcmha('switchover', '--group', 'g1', ...limits, '--yes');
      assert.equal(status, 1);
      assert.match(stderr, /undone, the primary is .*: clients had waited \d+ ms, 55 ms is the limit/);
    });
    assert.deepEqual([await primary(), (await record()).result, report.lost], [from, 'undone', 0]);
    await whole();
  });

  it('moves what is in a data centre out of it, and back', async () => {
    const from = await primary();
    for (const member of sandbox.group().members) {
      const dc = member === from ? 'DC1' : 'DC2';
      await sandbox.dcmha('addmeta', '--group', 'g1', '--host', member, '--dc', dc);
    }
    const rehearsed = await sandbox.dcmha('evacuate', '--dc', 'DC1', '--dry-run');
    assert.match(rehearsed.stdout, /g1 .* would move {2}to /);
    const out = await sandbox.dcmha('evacuate', '--dc', 'DC1', '--yes');
    assert.equal(out.status, 0, out.stderr);
    assert.notEqual(await primary(), from);
    assert.match(
      (await sandbox.dcmha('evacuate', '--dc', 'DC1', '--yes')).stdout,
      /no group has its primary/,
    );
    await whole();
    const back = await sandbox.dcmha('evacuate', '--dc', 'DC1', '--back', '--yes');
    assert.equal(back.status, 0, back.stdout);
    assert.equal(await primary(), from);
    assert.match(
      (await sandbox.dcmha('evacuate', '--dc', 'DC1', '--back', '--yes')).stdout,
      /nothing was moved/,
    );
    const wrong = await sandbox.dcmha('evacuate', '--dc', 'DC9', '--yes');
    assert.equal(wrong.status, 64);
  });

  it('ends well when both coordinators are killed while clients wait', async () => {
    const report = await amongCrowd(async (crowd) => {
      const moved = sandbox.dcmha('switchover', '--group', 'g1', '--yes', '--timeout', '60000');
      await eventually(() => crowd.silentMs > 25, { timeoutMs: 20_000, everyMs: 1 });
      for (const id of ['coordinator-1', 'coordinator-2']) await sandbox.kill('coordinator', id);
      for (const id of ['coordinator-1', 'coordinator-2']) await sandbox.start('coordinator', id);
      await moved;
    });
    const newest = await record();
    assert.equal(newest.kind, 'switchover');
    assert.ok(['done', 'undone'].includes(newest.result), newest.result);
    assert.equal(report.lost, 0);
    await whole();
  });
});
