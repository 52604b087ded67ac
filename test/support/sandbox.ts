import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { RowDataPacket } from 'mysql2/promise';
import type { GroupStatus } from '../../src/cli/group-status.ts';
import { parseEndpoint } from '../../src/core/model/endpoint.ts';
import { checkRows, type RowCheck } from '../../src/sandbox/check-rows.ts';
import { connectTo, readSecret, type Target } from '../../src/sandbox/connect.ts';
import { killProcesses, startProcesses } from '../../src/sandbox/control.ts';
import { tearDown } from '../../src/sandbox/down.ts';
import { defaultOptions, type SandboxOptions } from '../../src/sandbox/layout.ts';
import { findPrimary } from '../../src/sandbox/primary.ts';
import { type CommandResult, tryDcmha } from '../../src/sandbox/run-dcmha.ts';
import type { KillSignal, What } from '../../src/sandbox/selection.ts';
import { spawnWriter, type WriterHandle } from '../../src/sandbox/spawn-writer.ts';
import type { GroupSpec, SandboxState } from '../../src/sandbox/state.ts';
import { sandboxStatus, type SandboxStatus } from '../../src/sandbox/status.ts';
import { startSandbox as bringUp } from '../../src/sandbox/up.ts';
import { startWatchdog } from '../../src/sandbox/watch-parent.ts';
import type { WriterOptions, WriterReport } from '../../src/sandbox/writer.ts';
import { ensureBuilt } from './built.ts';
import { eventually } from './eventually.ts';
import { historyEntries, type HistoryEntry } from './history-entry.ts';
import { isKept, sandboxDirectory } from './scratch.ts';
import { Watcher } from './watcher.ts';

/** The address in `127.0.20.11:3306`. */
export const hostOf = (endpoint: string) => parseEndpoint(endpoint).host;

/** A running sandbox as integration tests use it. Servers are named by `host:port`, as the group's members are. */
export class TestSandbox implements AsyncDisposable {
  readonly state: SandboxState;
  readonly #callOff: () => void;
  readonly #watcher: Watcher;

  constructor(state: SandboxState, callOff: () => void) {
    this.state = state;
    this.#callOff = callOff;
    this.#watcher = new Watcher(state.config);
  }

  get dir(): string {
    return this.state.dir;
  }

  group(name = 'g1'): GroupSpec {
    const group = this.state.groups.find((candidate) => candidate.name === name);
    if (group === undefined) throw new Error(`no group ${name}`);
    return group;
  }

  /** Where applications write, or read, through the first router. */
  listener(side: 'write' | 'read', group = 'g1'): string {
    const listener = this.group(group).listeners[0];
    if (listener === undefined) throw new Error('this sandbox has no router');
    return listener[side];
  }

  status(): Promise<SandboxStatus> {
    return sandboxStatus(this.state);
  }

  /** Runs statements in one session and returns the last one's rows. Numbers beyond 2^53 are text. */
  async query(
    at: string,
    sql: string | readonly string[],
    as: Target['as'] = 'admin',
  ): Promise<RowDataPacket[]> {
    const connection = await connectTo({ dir: this.dir, at, as });
    try {
      let rows: RowDataPacket[] = [];
      for (const statement of [sql].flat()) [rows] = await connection.query<RowDataPacket[]>(statement);
      return rows;
    } finally {
      connection.destroy();
    }
  }

  /** Signals what lives at a host (an address, `host:port` or a process's id); SIGKILL unless told. */
  kill(what: What, host?: string, signal: KillSignal = 'KILL'): Promise<readonly string[]> {
    return killProcesses(this.state, { what, host: addressIn(host) }, signal);
  }

  /** Brings it back, or wakes it, and waits until it serves. */
  start(what: What, host?: string): Promise<readonly string[]> {
    return startProcesses(this.state, { what, host: addressIn(host) });
  }

  /** The member that takes writes now. */
  primary(group = 'g1'): Promise<string | undefined> {
    return findPrimary(this.state, this.group(group));
  }

  /** Waits for a writable member that is none of `not`, and for the write listener to lead to it. */
  async untilPrimary(options: { not?: string; group?: string; timeoutMs?: number } = {}): Promise<string> {
    const { not, group = 'g1', timeoutMs = 30_000 } = options;
    return eventually(
      async () => {
        const primary = await this.primary(group);
        if (primary === undefined || primary === not)
          throw new Error(`the primary of ${group} is ${primary}`);
        const [row] = await this.query(
          this.listener('write', group),
          "SELECT CONCAT(@@report_host, ':', @@report_port) AS at",
        );
        if (row?.['at'] !== primary) throw new Error(`writes of ${group} go to ${String(row?.['at'])}`);
        return primary;
      },
      { timeoutMs, everyMs: 50 },
    );
  }

  /** What `dcmha status` says of a group, without a process for each look. */
  groupStatus(group = 'g1'): Promise<GroupStatus> {
    return this.#watcher.group(group);
  }

  /** What `dcmha history` says of a group, newest first. */
  async history(group = 'g1'): Promise<readonly HistoryEntry[]> {
    return historyEntries.parse(await this.#watcher.history(group));
  }

  /** An operator command of dcmha; its exit status is a value. */
  dcmha(...args: readonly string[]): Promise<CommandResult> {
    return tryDcmha(this.state, args);
  }

  /** One that must succeed; what it printed. */
  async operate(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.dcmha(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  }

  /** A client in its own process that inserts rows through the write listener, or straight into the server `at`. */
  async writer(options: Partial<WriterOptions> & { group?: string } = {}): Promise<WriterHandle> {
    const { group, at = this.listener('write', group), ...rest } = options;
    const password = await readSecret(this.dir, 'app');
    return spawnWriter({ at, user: 'app', password, everyMs: 2, ...rest });
  }

  /** Compares what a writer was told with what a server has. */
  check(at: string, report: WriterReport): Promise<RowCheck> {
    return checkRows(this.dir, at, report);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
    await tearDown(this.dir, { keep: isKept });
    this.#callOff();
    if (isKept) process.stderr.write(`kept: ${this.dir}\n`);
    else await rm(this.dir, { recursive: true, force: true });
  }
}

function addressIn(host: string | undefined): string | undefined {
  return host?.includes(':') === true ? hostOf(host) : host;
}

/**
 * A sandbox in a directory that goes with it (KEEP_SANDBOX=1 leaves it, with its logs). One is meant to serve a whole test file.
 * It ends with this process, however that ends.
 */
export async function startSandbox(options: Partial<SandboxOptions> = {}): Promise<TestSandbox> {
  if (options.bare !== true) await ensureBuilt();
  const dir = options.dir ?? sandboxDirectory();
  const callOff = startWatchdog(dir, { keep: false });
  try {
    return new TestSandbox(await bringUp({ ...defaultOptions, ...options, dir }), callOff);
  } catch (error) {
    callOff();
    throw error;
  }
}
