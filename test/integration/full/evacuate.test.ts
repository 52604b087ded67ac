import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { z } from 'zod';
import { connectTo } from '../../../src/sandbox/connect.ts';
import { type CommandResult, tryDcmha } from '../../../src/sandbox/run-dcmha.ts';
import type { WriterHandle } from '../../../src/sandbox/spawn-writer.ts';
import { eventually } from '../../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../../support/sandbox.ts';

const timeoutMs = 40_000;
const outcomes = z.array(z.looseObject({ group: z.string(), state: z.string(), message: z.string() }));

/** Each group has its primary in DC1 and a replica in DC2, and a client that writes from the first test to the last. */
describe('a data centre with two groups is evacuated', () => {
  let box: TestSandbox;
  const home = new Map<string, string>();
  const away = new Map<string, string>();
  const writers = new Map<string, WriterHandle>();

  const operator = (...args: readonly string[]) => box.operate(...args);
  /** Exit status, and what became of each group. */
  const outcome = ({ status, stdout, stderr }: CommandResult) => {
    const ended = outcomes.parse(JSON.parse(stdout === '' ? stderr : stdout));
    return [status, Object.fromEntries(ended.map(({ group, state }) => [group, state]))];
  };
  const evacuate = (...args: readonly string[]) => box.dcmha('evacuate', '--dc', 'DC1', '--json', ...args);
  const primariesAre = async (...places: readonly ReadonlyMap<string, string>[]): Promise<void> => {
    const groups = ['g1', 'g2'];
    const found = await Promise.all(groups.map((group) => box.primary(group)));
    assert.deepEqual(
      found,
      groups.map((group, n) => places[n]?.get(group)),
    );
  };
  /** Every client writes on, after whatever happened. */
  const allWrite = async (): Promise<void> => {
    for (const writer of writers.values()) {
      const then = writer.progress().acknowledged;
      await eventually(() => writer.progress().acknowledged > then + 10, { timeoutMs });
    }
  };

  before(async () => {
    box = await startSandbox({ groups: 2, hosts: 2, coordinators: 1 });
    for (const { name, members } of box.state.groups) {
      const primary = await box.untilPrimary({ group: name });
      home.set(name, primary);
      away.set(name, members.find((member) => member !== primary) ?? '');
    }
    await Promise.all(
      [...home].flatMap(([group, primary]) =>
        box
          .group(group)
          .members.map((member) =>
            operator(
              ...['addmeta', '--group', group, '--host', hostOf(member)],
              ...['--dc', member === primary ? 'DC1' : 'DC2'],
            ),
          ),
      ),
    );
    for (const group of home.keys()) writers.set(group, await box.writer({ group, everyMs: 50 }));
    await allWrite();
  });
  after(async () => {
    for (const writer of writers.values()) await writer[Symbol.asyncDispose]();
    await box[Symbol.asyncDispose]();
  });

  it('a rehearsal tells of every group, and moves none', async () => {
    assert.deepEqual(outcome(await evacuate('--dry-run')), [0, { g1: 'would move', g2: 'would move' }]);
    await primariesAre(home, home);
  });

  it('the first that fails stops the rest', async () => {
    await box.query(away.get('g1') ?? '', 'STOP REPLICA SQL_THREAD', 'dcmha');
    const rehearsed = outcome(await evacuate('--dry-run'));
    assert.deepEqual(rehearsed, [0, { g1: 'would be refused', g2: 'would move' }]);
    assert.deepEqual(outcome(await evacuate('--yes')), [75, { g1: 'failed', g2: 'left' }]);
    await primariesAre(home, home);
  });

  it('with --keep-going the others move all the same, and --back brings back just what was moved', async () => {
    assert.deepEqual(outcome(await evacuate('--yes', '--keep-going')), [75, { g1: 'failed', g2: 'moved' }]);
    await primariesAre(home, away);
    await allWrite();
    assert.deepEqual(outcome(await evacuate('--yes', '--back')), [0, { g2: 'moved' }]);
    await primariesAre(home, home);
    await box.query(away.get('g1') ?? '', 'START REPLICA SQL_THREAD', 'dcmha');
    await allWrite();
  });

  it('Ctrl-C lets the running one end, and begins no other', async () => {
    // The first group's move waits for a transaction that is open, before it changes anything.
    const client = await connectTo({ dir: box.dir, at: box.listener('write', 'g1'), as: 'app' });
    await client.query('CREATE TABLE app.slow (id INT PRIMARY KEY)');
    await client.query('BEGIN');
    await client.query('INSERT INTO app.slow VALUES (1)');
    let program: ChildProcess | undefined;
    let said = '';
    const running = tryDcmha(box.state, ['evacuate', '--dc', 'DC1', '--json', '--yes', '--wait', '60s'], {
      timeoutMs: 120_000,
      started: (child) => (program = child),
    });
    program?.stderr?.on('data', (text: unknown) => (said += String(text)));
    await eventually(
      async () => {
        assert.match((await box.groupStatus('g1')).plan, /switchover/);
      },
      { timeoutMs, everyMs: 500 },
    );
    program?.kill('SIGINT');
    await eventually(() => assert.match(said, /no other one is begun; what runs is waited for/), {
      timeoutMs,
    });
    assert.equal(program?.exitCode, null);
    await client.query('COMMIT');
    client.destroy();
    assert.deepEqual(outcome(await running), [75, { g1: 'moved', g2: 'left' }]);
    await primariesAre(away, home);
    const rows = await box.query(away.get('g1') ?? '', 'SELECT id FROM app.slow');
    assert.equal(rows.length, 1);
  });

  it('the rest is moved by the next call, and all of it comes back, two at a time, with no row lost', async () => {
    assert.deepEqual(outcome(await evacuate('--yes')), [0, { g2: 'moved' }]);
    await primariesAre(away, away);
    await allWrite();
    const back = await evacuate('--yes', '--back', '--parallel', '2');
    assert.deepEqual(outcome(back), [0, { g1: 'moved', g2: 'moved' }]);
    await primariesAre(home, home);
    await allWrite();
    for (const [group, writer] of writers) {
      const report = await writer.stop();
      const { lost } = await box.check(home.get(group) ?? '', report);
      assert.deepEqual([report.acknowledged.length > 100, lost], [true, []]);
    }
  });
});
