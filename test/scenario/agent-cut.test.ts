import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_GTID_SET, GtidSet, parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { writeLink, writeRegion } from '../../src/core/store/additions.ts';
import { readHistory } from '../../src/core/store/history.ts';
import { readRejoin } from '../../src/core/store/rejoin-plans.ts';
import type { OpenBinlogFile } from '../../src/ports/binlog-source.ts';
import type { Rollback } from '../../src/ports/rollback.ts';
import type { AgentDeps } from '../../src/roles/agent/deps.ts';
import { AgentStage, type AgentHost } from '../support/agent-stage.ts';
import { decompress, scan } from '../support/binlog.ts';
import { fakeBinlog } from '../support/fake-binlog.ts';
import { makeBinlog } from '../support/made-binlog.ts';
import { memoryFiles } from '../support/memory-binlog.ts';
import { MemorySalvage } from '../support/memory-salvage.ts';
import { partialRollback } from '../support/partial-rollback.ts';

const crashed = { inUse: true, ddlXid: 7n };

/** What a kill -9 of the agent may come before or after. */
type Kill = { readonly at: string; readonly when: 'before' | 'after' } | undefined;

/** The host of an old primary: its mysqld is down, its binlog has more than the primary has, its agent can start it. */
class OldPrimary {
  readonly #stage: AgentStage;
  readonly host: AgentHost;
  readonly #files: Record<string, Buffer>;
  /** What InnoDB had committed when the server died: all else is decided by the binlog. */
  readonly #committed: GtidSet;
  readonly salvage: MemorySalvage;
  readonly effects: string[] = [];
  readonly #kill: Kill;
  #isKilled = false;
  cutFails: string | undefined;
  /** Happens while the agent looks what its binlog holds. */
  whileRead: () => void = () => undefined;

  constructor(
    stage: AgentStage,
    host: AgentHost,
    { shared, errant, committed, kill, how = crashed }: Situation,
  ) {
    this.#stage = stage;
    this.host = host;
    this.#kill = kill;
    this.#committed = committed;
    this.#files = {
      'binlog.000001': makeBinlog(1, shared),
      'binlog.000002': makeBinlog(1, errant, shared, how),
    };
    this.salvage = new MemorySalvage(() => this.#effect('keep', () => undefined));
  }

  start(): void {
    const { world } = this.#stage;
    const { server } = this.host;
    const deps: Partial<AgentDeps> = {
      binlog: {
        ...fakeBinlog(world, server),
        open: () => ({ ...memoryFiles(this.#files), open: (name) => this.#open(name) }),
        cut: (_place, name, sizeBytes) => this.#effect('cut', () => this.#cut(name, sizeBytes)),
      },
      rejoin: { store: this.salvage, rollback: this.#rollback(), decompress },
      start: {
        argv: ['start'],
        timeoutMs: 5000,
        commands: { run: () => this.#effect('start', () => this.boot()) },
      },
    };
    this.host.start({ rejoinAutomatic: true }, deps);
  }

  /** Waits for the agent's end by SIGKILL, and starts another when its session is over. */
  async untilBack(): Promise<void> {
    const { clock } = this.#stage;
    if (this.#kill !== undefined) {
      await clock.runUntil(() => this.#isKilled);
      await clock.runFor(10_000);
      this.start();
    }
    await clock.runFor(40_000);
  }

  /** Crash recovery, as far as GTIDs go: what is prepared is committed when the last file holds it. Then a new file is begun. */
  boot(): { exitCode: number; stderr: string } {
    const { server } = this.host;
    const last = Object.values(this.#files).at(-1) ?? Buffer.alloc(0);
    const { transactions, scanner } = scan(last);
    const logged = GtidSet.fromGtids(transactions.flatMap(({ gtid }) => (gtid === undefined ? [] : [gtid])));
    server.executed = (scanner.previousGtids ?? EMPTY_GTID_SET).union(logged).union(this.#committed);
    this.#files[`binlog.00000${Object.keys(this.#files).length + 1}`] = makeBinlog(
      1,
      EMPTY_GTID_SET,
      server.executed,
    );
    this.#stage.world.start(server);
    return { exitCode: 0, stderr: '' };
  }

  #open(name: string): Promise<OpenBinlogFile> {
    this.whileRead();
    return memoryFiles(this.#files).open(name);
  }

  #cut(name: string, sizeBytes: number): void {
    if (this.cutFails !== undefined) throw new Error(this.cutFails);
    assert.equal(this.host.server.state.kind, 'stopped', 'mysqld may be running');
    assert.equal(this.salvage.sets.size, 1, 'nothing is saved yet');
    this.#files[name] = this.#files[name]?.subarray(0, sizeBytes) ?? Buffer.alloc(0);
  }

  async #effect<T>(name: string, work: () => T): Promise<T> {
    const when = !this.#isKilled && this.#kill?.at === name ? this.#kill.when : undefined;
    if (when === 'before') return this.#dead();
    this.effects.push(name);
    const result = work();
    if (when === 'after') return this.#dead();
    return Promise.resolve(result);
  }

  #dead(): Promise<never> {
    this.#isKilled = true;
    this.host.kill();
    return new Promise(() => undefined);
  }

  #rollback(): Rollback {
    return partialRollback({
      standing: () => Promise.resolve({ facts: { table: () => undefined }, engineWithout: () => undefined }),
      tables: () => Promise.resolve(() => undefined),
      isMarked: () => Promise.resolve(false),
      compare: () => Promise.resolve({ kind: 'same', executed: '' }),
    });
  }
}

interface Situation {
  readonly shared: GtidSet;
  readonly errant: GtidSet;
  readonly committed: GtidSet;
  readonly kill?: Kill | undefined;
  readonly how?: typeof crashed | { readonly ddlXid: bigint } | undefined;
}

/** Host 1 is recorded; host 2's server is down with 1-5 of its own shared, and 6-8 in its binlog alone. */
async function staged({
  committed,
  ...change
}: { committed?: string; kill?: Kill; how?: Situation['how'] } = {}) {
  const stage = await AgentStage.make(2);
  const [primary, host] = [stage.host(1), stage.host(2)];
  const { uuid } = host.server;
  const shared = parseGtidSet(`${uuid}:1-5`);
  primary.server.executed = shared;
  host.server.executed = shared;
  const old = new OldPrimary(stage, host, {
    shared,
    errant: parseGtidSet(`${uuid}:6-8`),
    committed: parseGtidSet(committed === undefined ? '' : `${uuid}:${committed}`),
    ...change,
  });
  stage.record(primary);
  primary.start();
  stage.world.stop(host.server);
  return { stage, primary, host, old };
}

type Staged = Awaited<ReturnType<typeof staged>>;

async function assertBack({ stage, primary, host, old }: Staged): Promise<void> {
  assert.equal(await readRejoin(stage.observer, host.id), undefined, 'the return goes on');
  const [last] = await readHistory(stage.observer, 'g1');
  assert.deepEqual([last?.kind, last?.['result']], ['rejoin', 'done']);
  assert.equal((await host.presence())?.replication?.state, 'replicating');
  assert.equal(host.server.executed.toCompactString(), primary.server.executed.toCompactString());
  assert.equal(old.salvage.sets.size, 1);
  const [saved] = old.salvage.sets.values();
  assert.equal(saved?.sql.match(/DROP TABLE IF EXISTS t/g)?.length, 3, 'what was cut off is saved');
}

test('the end of the binlog that only a crashed server has is saved and cut off before mysqld is started', async () => {
  const made = await staged();
  made.old.start();
  await made.old.untilBack();
  assert.deepEqual(made.old.effects, ['keep', 'cut', 'start']);
  await assertBack(made);
  await made.stage.end();
});

for (const at of ['keep', 'cut', 'start'] as const) {
  for (const when of ['before', 'after'] as const) {
    test(`an agent that is killed right ${when} "${at}" finishes the return when it is started again`, async () => {
      const made = await staged({ kill: { at, when } });
      made.old.start();
      await made.old.untilBack();
      await assertBack(made);
      await made.stage.end();
    });
  }
}

test('what was committed before the crash stays in question, and is told where it cannot be taken back', async () => {
  const made = await staged({ committed: '6' });
  made.old.start();
  await made.old.untilBack();
  const stored = await readRejoin(made.stage.observer, made.host.id);
  assert.match(
    stored?.plan.ended ?? '',
    /^1 transactions that the primary lacks \(\S+:6\).*because of \S+:6/,
  );
  await made.stage.end();
});

test('where the file must not be written, mysqld is started all the same and all is taken from the copy', async () => {
  const made = await staged();
  made.old.cutFails = 'EACCES';
  made.old.start();
  await made.old.untilBack();
  const stored = await readRejoin(made.stage.observer, made.host.id);
  const cut = stored?.plan.entries.find(({ step }) => step.kind === 'cut')?.outcome;
  assert.deepEqual(cut, { kind: 'not-cut', why: 'EACCES' });
  assert.match(stored?.plan.ended ?? '', /^3 transactions/);
  await made.stage.end();
});

test('a mysqld that was started by somebody else after the saving is not cut', async () => {
  const made = await staged({ kill: { at: 'keep', when: 'after' } });
  made.old.start();
  await made.stage.clock.runUntil(() => made.old.effects.includes('keep'));
  made.old.boot();
  await made.old.untilBack();
  assert.ok(!made.old.effects.includes('cut'));
  assert.match((await readRejoin(made.stage.observer, made.host.id))?.plan.ended ?? '', /^3 transactions/);
  await made.stage.end();
});

for (const [what, change] of [
  ['mysqld is started by somebody', ({ old }: Staged) => old.boot()],
  ['another primary is recorded', ({ stage, primary }: Staged) => stage.record(primary)],
] as const) {
  test(`nothing is begun where ${what} while the binlog is looked at`, async () => {
    const made = await staged();
    made.old.start();
    // By then it has looked whether the binlog can be read at all, and still leaves mysqld to a supervisor.
    await made.stage.clock.runFor(1000);
    made.old.whileRead = () => {
      made.old.whileRead = () => undefined;
      change(made);
    };
    await made.stage.clock.runUntil(() =>
      made.host.log.lines.some(({ message }) => message.includes('not started')),
    );
    assert.equal(await readRejoin(made.stage.observer, made.host.id), undefined);
    assert.deepEqual(made.old.effects, []);
    await made.stage.end();
  });
}

test('what a region has and the primary lacks is not cut off: mysqld waits until it came to the primary', async () => {
  const made = await staged();
  const { stage, host, primary } = made;
  const endpoint = { host: '10.1.0.1', port: 3306 };
  const elsewhere = stage.world.add({ endpoint, serverId: 101, executed: `${host.server.uuid}:1-8` });
  await writeRegion(stage.observer, 'eu', [{ endpoint, ssl: false }]);
  const nothing = { source: undefined, only: [], ignore: [], uuids: [], accepted: '' };
  await writeLink(stage.observer, { group: 'g1', region: 'eu', ...nothing });
  made.old.start();
  await made.old.untilBack();
  assert.deepEqual(made.old.effects, []);
  stage.world.stop(elsewhere);
  await stage.clock.runFor(40_000);
  assert.deepEqual(made.old.effects, [], 'nobody knows any more');
  primary.server.executed = primary.server.executed.union(elsewhere.executed);
  await made.old.untilBack();
  assert.deepEqual(made.old.effects, [], 'nothing is in the way of whoever starts it');
  await stage.end();
});

for (const [name, situation, how] of [
  ['when it is the recorded primary', ({ stage, host }: Staged) => stage.record(host), crashed],
  ['while a plan is running', ({ stage }: Staged) => stage.planBegins(), crashed],
  ['while the group is paused', ({ stage }: Staged) => stage.pause(), crashed],
  ['when it ended in an orderly way', () => undefined, { ddlXid: 7n }],
  ['while its process lives', ({ host }: Staged) => (host.server.state = { kind: 'hung' }), crashed],
] as const) {
  test(`nothing is done to a server that is down ${name}`, async () => {
    const made = await staged({ how });
    situation(made);
    made.old.start();
    await made.stage.clock.runFor(40_000);
    assert.deepEqual(made.old.effects, []);
    await made.stage.end();
  });
}
