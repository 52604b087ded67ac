import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { hostId } from '../../src/core/model/endpoint.ts';
import { cutNetwork, healNetwork, type Direction } from '../../src/sandbox/cut.ts';
import type { What } from '../../src/sandbox/selection.ts';
import type { WriterHandle } from '../../src/sandbox/spawn-writer.ts';
import type { SandboxOptions } from '../../src/sandbox/layout.ts';
import type { ProcessKind, ProcessSpec, SandboxState } from '../../src/sandbox/state.ts';
import type { Outage } from '../../src/sandbox/writer.ts';
import { eventually } from './eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from './sandbox.ts';
import { WritableWatch } from './writable-watch.ts';

const CLIENTS = 3;
const HEALTHY_MS = 90_000;
const HEARTBEAT_MS = 20_000;

/** A test that only `make test-fault` and `make test-all` run: the usual run has time for a selection. */
export function itInFull(name: string, run: (context: TestContext) => Promise<void>): void {
  if (process.env['DCMHA_TESTS'] === 'all') it(name, run);
}

/** Cases that share a world; each leaves it healthy. */
export function describeFaults(
  name: string,
  cases: (world: () => FaultWorld) => void,
  options?: WorldOptions,
): void {
  describe(name, { timeout: 280_000 }, () => {
    let world: FaultWorld | undefined;
    before(async () => {
      world = await FaultWorld.start(options);
    });
    after(async () => {
      await world?.[Symbol.asyncDispose]();
    });
    cases(() => world ?? assert.fail('no world'));
  });
}

type WorldOptions = Pick<Partial<SandboxOptions>, 'settings' | 'coordinators'>;

export type Place = 'zookeeper' | 'coordinator' | 'router';

/** What a fault did, as its clients and the group's record tell. */
export interface FaultReport {
  readonly epochs: number;
  readonly outages: readonly Outage[];
}

/**
 * A group of three, with an ensemble, two coordinators and a router, each host in a network of its own, under a workload of several
 * clients. Semi-synchronous, as far as the test switches it on at the primary.
 */
export class FaultWorld implements AsyncDisposable {
  readonly sandbox: TestSandbox;
  #round = 0;

  private constructor(sandbox: TestSandbox) {
    this.sandbox = sandbox;
  }

  static async start(options: WorldOptions = {}): Promise<FaultWorld> {
    const sandbox = await startSandbox({
      ...options,
      hosts: 3,
      zookeepers: 3,
      isolated: true,
      mysqlOptions: {
        plugin_load_add: 'semisync_source.so;semisync_replica.so',
        loose_rpl_semi_sync_replica_enabled: 1,
        // Longer than any lease: what was acknowledged to a client is on a replica.
        loose_rpl_semi_sync_source_timeout: 60_000,
      },
    });
    return new FaultWorld(sandbox);
  }

  get state(): SandboxState {
    return this.sandbox.state;
  }

  /** Addresses of one kind of process. */
  hosts(kind: Place): readonly string[] {
    return this.state.processes.filter((spec) => spec.kind === kind).map(({ host }) => host);
  }

  /** The one process of a kind at a host. */
  spec(kind: ProcessKind, host: string): ProcessSpec {
    return (
      this.state.processes.find((spec) => spec.kind === kind && spec.host === host) ??
      assert.fail(`no ${kind} at ${host}`)
    );
  }

  /** Somebody who is not the primary. */
  async replica(): Promise<string> {
    const primary = await this.sandbox.untilPrimary();
    return hostOf(this.sandbox.group().members.find((member) => member !== primary) ?? '');
  }

  /** Makes this host the primary, as an operator does. */
  async moveTo(host: string): Promise<void> {
    await this.healthy();
    await this.sandbox.operate('failover', '--group', 'g1', '--to', host, '--yes');
    await eventually(async () => assert.equal(await this.sandbox.untilPrimary(), `${host}:3306`), {
      timeoutMs: 30_000,
    });
    await this.healthy();
  }

  group() {
    return this.sandbox.groupStatus();
  }

  /** Both replicas follow, are read from, and nothing is the matter any more. A mysqld that a fence killed is started, as a supervisor does. */
  async healthy(): Promise<void> {
    await eventually(
      async () => {
        for (const member of this.sandbox.group().members) await this.sandbox.start('mysqld', member);
        const { servers, alerts, primary } = await this.group();
        // As an operator's own tools do: the applier of a former primary would wait for somebody's acknowledgement.
        for (const member of this.sandbox.group().members)
          if (hostId(hostOf(member)) !== primary) await this.#semiSync(member, false);
        const replicas = servers.filter(({ role }) => role === 'replica');
        assert.deepEqual(
          replicas.map(({ reads, replication }) => [reads, replication.split(',')[0]]),
          [
            ['yes', 'replicating'],
            ['yes', 'replicating'],
          ],
          JSON.stringify(servers),
        );
        assert.deepEqual(alerts, []);
      },
      { timeoutMs: HEALTHY_MS, everyMs: 1000 },
    );
  }

  cut(
    host: string,
    from?: string,
    options: { direction?: Direction; lossPercent?: number } = {},
  ): Promise<void> {
    const { direction = 'both', lossPercent = 100 } = options;
    return cutNetwork(this.state, { host, from, direction, lossPercent });
  }

  heal(): Promise<void> {
    return healNetwork(this.state);
  }

  /** Nobody but its own servers reaches the ensemble. */
  async isolateEnsemble(): Promise<void> {
    const ensemble = this.hosts('zookeeper');
    const others = new Set(
      this.state.processes.map(({ host }) => host).filter((host) => !ensemble.includes(host)),
    );
    for (const host of ensemble) for (const other of others) await this.cut(host, other);
  }

  /** Halts what lives at a host while `meanwhile` runs. */
  async pause(what: What, host: string, meanwhile: () => Promise<void>): Promise<void> {
    await this.sandbox.kill(what, host, 'STOP');
    try {
      await meanwhile();
    } finally {
      await this.sandbox.kill(what, host, 'CONT');
    }
  }

  /** Until somebody else than this host is recorded as the primary. */
  async recordedOther(host: string): Promise<void> {
    await eventually(async () => assert.notEqual((await this.group()).primary, hostId(host)), {
      timeoutMs: 60_000,
      everyMs: 200,
    });
  }

  async alert(text: RegExp): Promise<void> {
    await eventually(async () => assert.match((await this.group()).alerts.join('\n'), text), {
      timeoutMs: HEARTBEAT_MS,
      everyMs: 300,
    });
  }

  /**
   * Does `fault` to the primary (its address) under load, undoes every cut, waits for health, and checks what must hold whatever
   * happened: never two writable servers, nothing lost that a client was told, all servers equal. `overlapMs`: for so long a server that
   * was halted together with its agent may stand open once both go on. No route leads to it.
   */
  async under(
    fault: (primary: string, load: Load) => Promise<void>,
    { overlapMs = 0 }: { readonly overlapMs?: number } = {},
  ): Promise<FaultReport> {
    await this.healthy();
    const before = await this.group();
    const primary = await this.sandbox.untilPrimary();
    await this.#semiSync(primary, true);
    await using watch = await WritableWatch.start(this.sandbox);
    this.#round += 1;
    const tables = Array.from({ length: CLIENTS }, (_, n) => `fault_${this.#round}_${n + 1}`);
    const writers = await Promise.all(tables.map((table) => this.sandbox.writer({ table, everyMs: 4 })));
    try {
      const load = new Load(writers);
      await load.goesOn();
      await fault(hostOf(primary), load);
      await this.heal();
      await this.healthy();
      await load.goesOn();
      const reports = await Promise.all(writers.map((writer) => writer.stop()));
      const last = await this.sandbox.untilPrimary();
      for (const report of reports) {
        assert.deepEqual((await this.sandbox.check(last, report)).lost, [], `lost of ${report.table}`);
      }
      const { violations } = watch;
      const lasted = (violations.at(-1)?.at ?? 0) - (violations[0]?.at ?? 0);
      if (overlapMs === 0) assert.deepEqual(violations, [], 'two writable servers');
      else assert.ok(lasted < overlapMs, `two writable servers for ${lasted} ms`);
      assert.ok(watch.rounds > 10);
      await this.#equal(last, tables);
      return {
        epochs: (await this.group()).epoch - before.epoch,
        outages: reports.flatMap(({ outages }) => outages),
      };
    } finally {
      await this.heal();
      await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
    }
  }

  async #semiSync(at: string, on: boolean): Promise<void> {
    await this.sandbox.query(at, `SET GLOBAL rpl_semi_sync_source_enabled = ${on ? 1 : 0}`, 'dcmha');
  }

  /** The same transactions, and the same rows, everywhere. A commit whose client has given up may still be on its way. */
  async #equal(primary: string, tables: readonly string[]): Promise<void> {
    await eventually(
      async () => {
        const wanted = await this.#contents(primary, tables);
        for (const member of this.sandbox.group().members) {
          const found = await this.#contents(member, tables);
          assert.deepEqual({ of: member, ...found }, { of: member, ...wanted });
        }
      },
      { timeoutMs: HEARTBEAT_MS },
    );
  }

  async #contents(at: string, tables: readonly string[]) {
    const rows: Record<string, unknown> = {};
    for (const table of tables) {
      const sum = "SUM(CRC32(CONCAT_WS(',', id, at, filler)))";
      const summary = `SELECT COUNT(*) AS n, MIN(id) AS first, MAX(id) AS last, ${sum} AS sum FROM app.${table}`;
      rows[table] = (await this.sandbox.query(at, summary))[0];
    }
    const executed = await this.sandbox.query(at, 'SELECT @@gtid_executed AS gtids');
    return { executed: String(executed[0]?.['gtids']).replaceAll('\n', ''), rows };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
  }
}

/** The clients. */
export class Load {
  readonly #writers: readonly WriterHandle[];

  constructor(writers: readonly WriterHandle[]) {
    this.#writers = writers;
  }

  get acknowledged(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.progress().acknowledged, 0);
  }

  get failures(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.progress().failures, 0);
  }

  /** Until some client saw one more error than `before`. */
  async fails(before: number): Promise<void> {
    await eventually(() => this.failures > before, { timeoutMs: 30_000 });
  }

  /** Until each client had some more rows acknowledged. */
  async goesOn(timeoutMs = 60_000): Promise<void> {
    const before = this.#writers.map((writer) => writer.progress().acknowledged);
    await eventually(
      () => this.#writers.every((writer, n) => writer.progress().acknowledged > (before[n] ?? 0) + 30),
      { timeoutMs },
    );
  }

  /** Rows go on for so long, ms, without one failure. */
  async undisturbed(forMs: number): Promise<void> {
    const failures = this.failures;
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      await this.goesOn();
      assert.equal(this.failures, failures, 'a client saw an error');
    }
  }
}

/** Says in the test's report how long the clients waited. */
export function tellOutages(context: TestContext, { outages }: FaultReport): void {
  context.diagnostic(`outages: ${outages.map(({ ms }) => Math.round(ms)).join(', ')} ms`);
}
