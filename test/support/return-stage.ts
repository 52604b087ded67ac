import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseSalvageRecord, type SalvageRecord } from '../../src/core/salvage/record.ts';
import { connectTo } from '../../src/sandbox/connect.ts';
import { PROGRAM } from '../../src/sandbox/project.ts';
import type { SandboxOptions } from '../../src/sandbox/layout.ts';
import { eventually } from './eventually.ts';
import type { HistoryEntry } from './history-entry.ts';
import { hostOf, startSandbox, type TestSandbox } from './sandbox.ts';
import { sandboxDirectory } from './scratch.ts';

const waitMs = 60_000;

/** The id of a server's host. */
export const idOf = (server: string): string => hostOf(server).replaceAll('.', '-');

/** A sandbox of three hosts whose old primaries return with transactions that the others lack. */
export class ReturnStage implements AsyncDisposable {
  readonly sandbox: TestSandbox;

  private constructor(sandbox: TestSandbox) {
    this.sandbox = sandbox;
  }

  /** `agentsStart`: mysqld is started by the agents' own command. */
  static async start({
    agentsStart = false,
    settings,
    ...rest
  }: Partial<SandboxOptions> & { readonly agentsStart?: boolean } = {}): Promise<ReturnStage> {
    const dir = sandboxDirectory();
    const command = `exec "${process.execPath}" "${PROGRAM}" sandbox start --dir "${dir}" --what mysqld --host "$DCMHA_HOST"`;
    const sandbox = await startSandbox({
      hosts: 3,
      coordinators: 1,
      routers: 1,
      settings: {
        catchUp: { policy: 'never' },
        failover: { cooldownMs: 1, maxLoss: 1_000_000 },
        ...(agentsStart && { agent: { startMysqld: ['sh', '-c', command] } }),
        ...settings,
      },
      dir,
      ...rest,
    });
    const stage = new ReturnStage(sandbox);
    await sandbox.untilPrimary();
    return stage;
  }

  /** In one session. */
  async run(at: string, ...statements: readonly string[]): Promise<void> {
    const connection = await connectTo({ dir: this.sandbox.dir, at, as: 'dcmha' });
    try {
      for (const sql of statements) await connection.query(sql);
    } finally {
      connection.destroy();
    }
  }

  /** In one session, whatever the server refuses of it. */
  async tryAll(at: string, statements: readonly string[]): Promise<void> {
    const connection = await connectTo({ dir: this.sandbox.dir, at, as: 'dcmha' });
    try {
      for (const sql of statements) await connection.query(sql).catch(() => undefined);
    } finally {
      connection.destroy();
    }
  }

  othersThan(...servers: readonly string[]): readonly string[] {
    return this.sandbox.group().members.filter((one) => !servers.includes(one));
  }

  async executed(at: string): Promise<string> {
    const [row] = await this.sandbox.query(at, 'SELECT @@gtid_executed AS g');
    return String(row?.['g']).replaceAll(/\s/g, '');
  }

  /** Waits until `servers` have executed all that `source` has. */
  async settle(source: string, servers = this.othersThan(source)): Promise<void> {
    const set = await this.executed(source);
    for (const server of servers) {
      const [row] = await this.sandbox.query(
        server,
        `SELECT WAIT_FOR_EXECUTED_GTID_SET('${set}', 30) AS late`,
      );
      assert.equal(Number(row?.['late']), 0, `${server} is behind`);
    }
  }

  /** Only the primary gets `statements`; then it dies, and another takes over. */
  async diverge(
    statements: readonly string[],
    { tolerant = false } = {},
  ): Promise<{ readonly old: string; readonly primary: string }> {
    const old = await this.sandbox.untilPrimary();
    await this.settle(old);
    for (const replica of this.othersThan(old)) await this.run(replica, 'STOP REPLICA IO_THREAD');
    await (tolerant ? this.tryAll(old, statements) : this.run(old, ...statements));
    await this.sandbox.kill('mysqld', old);
    return { old, primary: await this.sandbox.untilPrimary({ not: old }) };
  }

  /** As an operator provisions a server anew: `undo` makes its rows the primary's, whose GTIDs it then gets. */
  async reprovision(
    at: string,
    primary: string,
    { undo = [], reads = 'yes' }: { readonly undo?: readonly string[]; readonly reads?: string } = {},
  ): Promise<void> {
    await this.sandbox.kill('agent', at);
    await this.run(
      at,
      'SET GLOBAL super_read_only = OFF, GLOBAL read_only = ON',
      'SET sql_log_bin = 0',
      ...undo,
      'SET GLOBAL super_read_only = ON',
      'RESET BINARY LOGS AND GTIDS',
      `SET GLOBAL gtid_purged = '${await this.executed(primary)}'`,
    );
    await this.sandbox.start('agent', at);
    await this.untilReplicating(at, reads);
  }

  async serverOf(at: string) {
    const { servers } = await this.sandbox.groupStatus();
    return servers.find(({ host }) => host.includes(hostOf(at)) || host === idOf(at));
  }

  /** Newest first. */
  history(): Promise<readonly HistoryEntry[]> {
    return this.sandbox.history();
  }

  /** How the last return of a host ended. */
  async lastReturn(at: string): Promise<HistoryEntry | undefined> {
    return (await this.history()).find(({ kind, from }) => kind === 'rejoin' && from === idOf(at));
  }

  async untilReplicating(at: string, reads = 'yes'): Promise<void> {
    await eventually(
      async () => {
        const server = await this.serverOf(at);
        assert.deepEqual(
          [server?.reads, server?.replication.split(',')[0]],
          [reads, 'replicating'],
          server?.why,
        );
      },
      { timeoutMs: waitMs, everyMs: 300 },
    );
  }

  /** Why it stays out. */
  async untilOut(at: string): Promise<string> {
    return eventually(
      async () => {
        assert.equal((await this.serverOf(at))?.replication.split(',')[0], 'errant');
        const last = await this.lastReturn(at);
        assert.equal(last?.result, 'stays-out');
        return last.why ?? '';
      },
      { timeoutMs: waitMs, everyMs: 300 },
    );
  }

  /** GTID sets and all tables of the applications, on all servers. */
  async allEqual(): Promise<void> {
    const [first = '', ...others] = this.sandbox.group().members;
    await eventually(
      async () => {
        const set = await this.executed(first);
        for (const other of others) assert.equal(await this.executed(other), set);
      },
      { timeoutMs: waitMs, everyMs: 300 },
    );
    const names = await this.sandbox.query(
      first,
      `SELECT CONCAT('\`', TABLE_SCHEMA, '\`.\`', TABLE_NAME, '\`') AS t FROM information_schema.TABLES
       WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema', 'dcmha')`,
    );
    for (const { t } of names) {
      // CHECKSUM TABLE is no function of a table's rows where there is a functional index.
      const isFunction = !String(t).endsWith('`indexed`');
      const sql = isFunction ? `CHECKSUM TABLE ${String(t)}` : `SELECT * FROM ${String(t)} ORDER BY id`;
      const rows = await this.sandbox.query(first, sql);
      for (const other of others)
        assert.deepEqual(await this.sandbox.query(other, sql), rows, `${String(t)} of ${other}`);
    }
  }

  hostDirectory(at: string): string {
    return path.join(this.sandbox.dir, 'hosts', hostOf(at));
  }

  /** What the agent of a server logs from now on. */
  following(at: string) {
    const file = path.join(this.hostDirectory(at), 'agent.log');
    const from = readFileSync(file).length;
    const text = () => readFileSync(file).subarray(from).toString('utf8');
    const until = (line: RegExp) =>
      eventually(() => assert.match(text(), line), { timeoutMs: waitMs, everyMs: 2 });
    return { text, until };
  }

  agentLog(at: string): string {
    return readFileSync(path.join(this.hostDirectory(at), 'agent.log'), 'utf8');
  }

  /** Where the salvage of a host is kept. */
  salvageOf(at: string): string {
    return path.join(this.hostDirectory(at), 'salvage', 'g1', idOf(at));
  }

  savedSets(at: string): readonly string[] {
    const directory = this.salvageOf(at);
    if (!existsSync(directory)) return [];
    return readdirSync(directory)
      .sort()
      .map((name) => path.join(directory, name));
  }

  lastSaved(at: string): { readonly record: SalvageRecord; readonly sql: string } {
    const [directory = ''] = this.savedSets(at).slice(-1);
    const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
    return { record: parseSalvageRecord(read('index.json'), directory), sql: read('transactions.sql') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
  }
}
