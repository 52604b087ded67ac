import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { createPeerCaller } from '../../src/adapters/net/peer-client.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { hostId } from '../../src/core/model/endpoint.ts';
import { callPeer, type Params, type Result } from '../../src/core/peer/api.ts';
import { agentApi } from '../../src/core/peer/agent-api.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import { put } from '../../src/core/store/put.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Coordination } from '../../src/ports/coordination.ts';
import type { PeerCaller } from '../../src/ports/peers.ts';
import { newPasswords } from '../../src/sandbox/accounts.ts';
import { startMysqld, type MysqldHandle } from '../../src/sandbox/mysqld.ts';
import { launchProcess, type ProcessHandle } from '../../src/sandbox/process-handle.ts';
import { PROGRAM, PROJECT } from '../../src/sandbox/project.ts';
import { startZookeeper, type ZookeeperHandle } from '../../src/sandbox/zookeeper.ts';
import { ensureBuilt } from './built.ts';
import { eventually } from './eventually.ts';
import { isKept, sandboxDirectory } from './scratch.ts';
import { silentLog } from './test-log.ts';

const agentPort = 7071;
const secret = 'a secret of the tests';
const START_MS = 30_000;

/** One host: real mysqld, and the real agent program beside it. */
export interface RealHost {
  readonly id: string;
  readonly host: string;
  readonly mysqld: MysqldHandle;
  readonly agent: ProcessHandle;
  readonly agentLog: string;
}

/** A group `g1` of real servers with real agents and a real ZooKeeper, in a directory that goes with them. */
export class RealAgents implements AsyncDisposable {
  readonly dir: string;
  readonly zookeeper: ZookeeperHandle;
  readonly store: Coordination & AsyncDisposable;
  readonly hosts: RealHost[] = [];
  readonly #agentLogs: string[] = [];
  readonly #others: ProcessHandle[] = [];
  readonly #passwords = newPasswords();
  readonly #sessionTimeoutMs: number;
  readonly #caller = createPeerCaller({ secret });

  private constructor(
    dir: string,
    zookeeper: ZookeeperHandle,
    parts: { readonly store: Coordination & AsyncDisposable; readonly sessionTimeoutMs: number },
  ) {
    this.dir = dir;
    this.zookeeper = zookeeper;
    this.store = parts.store;
    this.#sessionTimeoutMs = parts.sessionTimeoutMs;
  }

  static async start(net: string, hosts: number, { sessionTimeoutMs = 2000 } = {}): Promise<RealAgents> {
    await ensureBuilt();
    const dir = sandboxDirectory();
    const zookeeper = await startZookeeper({ dir: path.join(dir, 'zk'), host: `${net}.9`, port: 2181 });
    const store = await connectZookeeper({
      hosts: zookeeper.endpoint,
      root: '/mysql',
      sessionTimeoutMs: 6000,
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
    const all = new RealAgents(dir, zookeeper, { store, sessionTimeoutMs });
    try {
      await initTree(store);
      await Promise.all(Array.from({ length: hosts }, (_, index) => all.#addHost(`${net}.${index + 11}`)));
      all.hosts.sort((a, b) => (a.host < b.host ? -1 : 1));
      await put(store, znodes.group('g1'), all.hosts.map(({ id }) => id).join(','));
      return all;
    } catch (error) {
      const logs = await Promise.allSettled(all.#agentLogs.map((file) => readFile(file, 'utf8')));
      await all[Symbol.asyncDispose]();
      const said = logs.map((log) => (log.status === 'fulfilled' ? log.value.slice(-2000) : ''));
      throw new Error(`agents: ${said.join('\n')}`, { cause: error });
    }
  }

  host(n: number): RealHost {
    const host = this.hosts[n - 1];
    if (host === undefined) throw new Error(`there is no host ${n}`);
    return host;
  }

  call<M extends keyof typeof agentApi>(
    { host }: Pick<RealHost, 'host'>,
    method: M,
    params: Params<typeof agentApi, M>,
  ): Promise<Result<typeof agentApi, M>> {
    return callPeer(this.#caller, agentApi, { host, port: agentPort }, { method, params, timeoutMs: 4000 });
  }

  /** Who knows the installation's secret. */
  get peers(): PeerCaller {
    return this.#caller;
  }

  /** Writes the record; returns its epoch. */
  record({ id }: RealHost): Promise<number> {
    return put(this.store, znodes.master('g1'), id);
  }

  /** An agent that is configured wrongly, for `host`: with these sections instead. Ended by {@link RealAgents} too. */
  async misconfigured(host: string, change: Readonly<Record<string, object>>): Promise<RealHost> {
    const dir = path.join(this.dir, `wrong-${host}`);
    await mkdir(dir, { recursive: true });
    const agentLog = path.join(dir, 'agent.log');
    const agent = await this.#startAgent(host, await this.#writeConfig(dir, change), agentLog);
    this.#others.push(agent);
    return { id: hostId(host), host, mysqld: this.host(1).mysqld, agent, agentLog };
  }

  /** With `epoch`: under that one; an agent closes what it opened under an older one first. */
  async untilOpen(host: RealHost, timeoutMs = 10_000, epoch?: number): Promise<void> {
    await eventually(
      async () => {
        const status = await this.call(host, 'status', {});
        return status.writable === true && (epoch === undefined || status.epoch === epoch);
      },
      { timeoutMs },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#others.map((agent) => agent[Symbol.asyncDispose]()));
    await Promise.all(this.hosts.map(({ agent }) => agent[Symbol.asyncDispose]()));
    await Promise.all(this.hosts.map(({ mysqld }) => mysqld.kill()));
    await this.store[Symbol.asyncDispose]();
    await this.zookeeper.kill();
    if (!isKept) await rm(this.dir, { recursive: true, force: true });
  }

  async #addHost(host: string): Promise<void> {
    const dir = path.join(this.dir, host);
    await mkdir(dir, { recursive: true });
    const serverId = Number(host.split('.').at(-1));
    const mysqld = await startMysqld({ dir, host, port: 3306, serverId, passwords: this.#passwords });
    const id = hostId(host);
    await put(this.store, znodes.host(id), JSON.stringify({ group: 'g1', port: 3306 }));
    const agentLog = path.join(dir, 'agent.log');
    const agent = await this.#startAgent(host, await this.#writeConfig(dir), agentLog);
    this.hosts.push({ id, host, mysqld, agent, agentLog });
  }

  async #startAgent(host: string, config: string, agentLog: string): Promise<ProcessHandle> {
    this.#agentLogs.push(agentLog);
    const argv = [process.execPath, PROGRAM, 'heartbeat', '--config', config, '--host', host];
    const ready = async (): Promise<void> => {
      await eventually(() => this.call({ host }, 'status', {}), { timeoutMs: START_MS });
    };
    return launchProcess({ program: () => ({ argv, cwd: PROJECT, log: agentLog }), ready });
  }

  async #writeConfig(dir: string, change: Readonly<Record<string, object>> = {}): Promise<string> {
    const write = async (name: string, text: string): Promise<string> => {
      await writeFile(path.join(dir, name), text, { mode: 0o600 });
      return path.join(dir, name);
    };
    const config = {
      zookeeper: { hosts: this.zookeeper.endpoint, root: '/mysql', sessionTimeoutMs: this.#sessionTimeoutMs },
      mysql: {
        passwordFile: await write('password', this.#passwords.dcmha),
        replicationPasswordFile: await write('replication', this.#passwords.repl),
      },
      peer: { secretFile: await write('secret', secret), timeoutMs: 1500 },
      agent: { port: agentPort, stateDirectory: path.join(dir, 'state') },
    };
    return write('dcmha.yaml', stringify({ ...config, ...change }));
  }
}
