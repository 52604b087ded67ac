import { callPeer, type Params, type Result } from '../../src/core/peer/api.ts';
import { agentApi } from '../../src/core/peer/agent-api.ts';
import type { PresenceRecord } from '../../src/core/model/group.ts';
import { initTree } from '../../src/core/store/init-tree.ts';
import { readPresence } from '../../src/core/store/presences.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { runAgent } from '../../src/roles/agent/agent.ts';
import type { AgentDeps, AgentOptions } from '../../src/roles/agent/deps.ts';
import type { Clock, ProcessWatch, StateFile } from '../../src/ports/system.ts';
import { fakeBinlog } from './fake-binlog.ts';
import { FakeZookeeper, type FakeCoordination } from './fake-coordination.ts';
import type { FakeServer } from './fake-mysql-server.ts';
import { FakeMysqlWorld } from './fake-mysql.ts';
import { FakePeerNetwork } from './fake-peers.ts';
import { recordingLog, type RecordingLog } from './test-log.ts';
import { VirtualClock } from './virtual-clock.ts';
import { usualAgent, usualPorts } from './usual-roles.ts';

const mysqlPort = usualPorts.mysql;

/** One process's view of time: it can be stopped, and what should have happened meanwhile happens when it goes on. */
class StoppableClock implements Clock {
  readonly #base: Clock;
  #stopped: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(base: Clock) {
    this.#base = base;
  }

  stop(): void {
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((done) => (resolve = done));
    this.#stopped = { promise, resolve };
  }

  go(): void {
    this.#stopped?.resolve();
    this.#stopped = undefined;
  }

  now(): number {
    return this.#base.now();
  }

  monotonic(): number {
    return this.#base.monotonic();
  }

  async pause(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#base.pause(ms, signal);
    await this.#stopped?.promise;
  }

  after(ms: number, work: () => void): () => void {
    let isCancelled = false;
    const cancel = this.#base.after(ms, () => {
      if (this.#stopped === undefined) work();
      else void this.#stopped.promise.then(() => isCancelled || work());
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }
}

/** One host: its MySQL server, and the agent beside it, which can be started, ended, killed and stopped. */
export class AgentHost {
  readonly id: string;
  readonly host: string;
  readonly server: FakeServer;
  readonly log: RecordingLog = recordingLog();
  /** The pid file names a process that is gone, and mysqld is another. */
  wrongPidFile = false;
  /** The process is stopped by SIGSTOP; its state is `hung` then. */
  halted = false;
  /** The state file, as on the host's disk. */
  disk: string | undefined;
  coordination: FakeCoordination;
  readonly #stage: AgentStage;
  #clock: StoppableClock;
  #running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;

  constructor(stage: AgentStage, n: number) {
    this.#stage = stage;
    this.host = `10.0.0.${n}`;
    this.id = `10-0-0-${n}`;
    this.server = stage.world.add({ endpoint: { host: this.host, port: mysqlPort }, serverId: n });
    this.coordination = stage.zookeeper.connect({ sessionTimeoutMs: stage.sessionTimeoutMs });
    this.#clock = new StoppableClock(stage.clock);
  }

  start(change: Partial<AgentOptions> = {}, more: Partial<AgentDeps> = {}): void {
    const stop = new AbortController();
    const { clock } = this.#stage;
    this.#clock = new StoppableClock(clock);
    const deps = {
      coordination: this.coordination,
      mysql: this.#stage.world.from(this.host),
      processes: this.#processes(),
      stateFile: this.#stateFile(),
      caller: this.#stage.peers.from(this.host),
      listener: this.#stage.peers,
      clock: this.#clock,
      log: this.log,
      binlog: fakeBinlog(this.#stage.world, this.server),
      regional: this.#stage.world.regional(this.host),
      ...more,
    };
    const done = runAgent(deps, { ...this.options(), ...change }, stop.signal);
    this.#running = { stop, done };
  }

  /** SIGTERM. */
  async end(): Promise<void> {
    this.#running?.stop.abort();
    await this.#running?.done;
    this.#running = undefined;
  }

  /** SIGKILL: nothing is said to anybody, and its session is left to expire. */
  kill(): FakeCoordination {
    this.#clock.stop();
    this.#stage.peers.kill(this.options().control);
    const left = this.coordination;
    left.cutOff();
    this.coordination = this.#stage.zookeeper.connect({ sessionTimeoutMs: this.#stage.sessionTimeoutMs });
    this.#running = undefined;
    return left;
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    this.#clock.stop();
  }

  thaw(): void {
    this.#clock.go();
  }

  get writable(): boolean {
    return !this.server.superReadOnly;
  }

  /** What its presence says; undefined without one. */
  presence(): Promise<PresenceRecord | undefined> {
    return readPresence(this.#stage.observer, this.id);
  }

  /** A coordinator's request. */
  call<M extends keyof typeof agentApi>(
    method: M,
    params: Params<typeof agentApi, M>,
  ): Promise<Result<typeof agentApi, M>> {
    const { clock, peers } = this.#stage;
    const request = { method, params, timeoutMs: 4000 };
    return clock.runThrough(callPeer(peers.from('coordinator'), agentApi, this.options().control, request));
  }

  options(): AgentOptions {
    return usualAgent(this.host);
  }

  #processes(): ProcessWatch {
    const { server } = this;
    return {
      look: () => {
        const pid = 1000 * server.boots + server.serverId;
        const gone = server.state.kind === 'stopped' || this.wrongPidFile;
        if (gone) return Promise.resolve({ kind: 'gone', detail: `process ${pid}` });
        return Promise.resolve({ kind: 'alive', pid, ...(this.halted ? { halted: true } : {}) });
      },
      kill: () => {
        server.calls.push('SIGKILL');
        this.#stage.world.stop(server);
        return Promise.resolve(true);
      },
      readOnlyMount: () => Promise.resolve(false),
    };
  }

  #stateFile(): StateFile {
    return {
      read: () => Promise.resolve(this.disk),
      write: (text) => {
        this.disk = text;
        return Promise.resolve();
      },
    };
  }
}

/** A group `g1` of hosts 10.0.0.1 and up with their agents, on a virtual clock. */
export class AgentStage {
  readonly clock = new VirtualClock();
  readonly zookeeper = new FakeZookeeper(() => this.clock.now());
  readonly world = new FakeMysqlWorld(this.clock);
  readonly peers = new FakePeerNetwork(this.clock);
  readonly observer = this.zookeeper.connect();
  readonly sessionTimeoutMs: number;
  readonly hosts: readonly AgentHost[];

  private constructor(hosts: number, sessionTimeoutMs: number) {
    this.sessionTimeoutMs = sessionTimeoutMs;
    this.hosts = Array.from({ length: hosts }, (_, index) => new AgentHost(this, index + 1));
  }

  static async make(hosts = 3, { sessionTimeoutMs = 6000 } = {}): Promise<AgentStage> {
    const stage = new AgentStage(hosts, sessionTimeoutMs);
    await initTree(stage.observer);
    for (const { id } of stage.hosts) {
      stage.zookeeper.put(znodes.host(id), JSON.stringify({ group: 'g1', port: mysqlPort }));
    }
    stage.zookeeper.put(znodes.group('g1'), stage.hosts.map(({ id }) => id).join(','));
    return stage;
  }

  /** With host 1 recorded, all agents started, writes open there and the others replicating from it. */
  static async running(hosts = 3, options: { readonly sessionTimeoutMs?: number } = {}): Promise<AgentStage> {
    const stage = await AgentStage.make(hosts, options);
    stage.record(stage.host(1));
    for (const host of stage.hosts) host.start();
    await stage.clock.runUntil(() => stage.host(1).writable);
    await stage.clock.runFor(5000);
    return stage;
  }

  host(n: number): AgentHost {
    const host = this.hosts[n - 1];
    if (host === undefined) throw new Error(`there is no host ${n}`);
    return host;
  }

  /** Records a primary, as a plan does; returns the epoch. */
  record({ id }: AgentHost): number {
    this.zookeeper.put(znodes.master('g1'), id);
    return this.epoch();
  }

  epoch(): number {
    return this.zookeeper.node(znodes.master('g1'))?.version ?? -1;
  }

  /** A plan is running, until {@link planEnds}. */
  planBegins(): void {
    const journal = { program: 1, id: 'p1', kind: 'failover', group: 'g1', by: 'c1', entries: [] };
    this.zookeeper.put(znodes.journal('g1'), JSON.stringify(journal));
  }

  planEnds(): void {
    this.zookeeper.put(znodes.journal('g1'), '');
  }

  pause(): void {
    this.zookeeper.put(znodes.white('g1'), '');
  }

  /** ZooKeeper is away for everybody. */
  loseZookeeper(): void {
    for (const { coordination } of this.hosts) coordination.cutOff();
  }

  async end(): Promise<void> {
    await this.clock.runThrough(Promise.all(this.hosts.map((host) => host.end())));
  }
}
