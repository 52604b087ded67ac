import type { Coordination } from '../../src/ports/coordination.ts';
import type { Mysql } from '../../src/ports/mysql.ts';
import type { RegionalServers } from '../../src/ports/regional.ts';
import type { Log } from '../../src/ports/system.ts';
import { silentLog } from '../support/test-log.ts';
import { Random } from '../support/random.ts';
import { EventClock } from './event-clock.ts';
import { Network } from './network.ts';
import type { ReplicationSource } from './sim-channel.ts';
import type { SimServer } from './sim-mysql-server.ts';
import { SimPeers } from './sim-peers.ts';
import type { Change } from './sim-tables.ts';
import type { SimMysqlWorld } from './statements.ts';
import { traceLog } from './trace-log.ts';
import { ZkEnsemble } from './zk-ensemble.ts';

/** Wrong on purpose, to see that the checks find it: what an agent or a coordinator works with is replaced. */
export interface Tamper {
  readonly agentCoordination?: (real: Coordination) => Coordination;
  readonly routerCoordination?: (real: Coordination) => Coordination;
  readonly agentMysql?: (real: Mysql) => Mysql;
  readonly agentRegional?: (real: RegionalServers) => RegionalServers;
  /** What of the changes that should be taken back is taken back. */
  readonly takenBack?: (changes: readonly Change[]) => readonly Change[];
}

export interface GroundOptions {
  readonly seed: number;
  readonly sessionTimeoutMs: number;
  readonly replicationDelayMs: number;
  readonly tamper: Tamper;
  /** Told line by line what happens; without it nothing is written down. */
  readonly trace: ((line: string) => void) | undefined;
}

/** What all parts of a simulated world stand on. */
export class SimGround implements SimMysqlWorld {
  readonly clock = new EventClock();
  readonly network: Network;
  readonly zookeeper: ZkEnsemble;
  readonly peers: SimPeers;
  readonly servers = new Map<string, SimServer>();
  readonly sources = new Map<string, ReplicationSource>();
  readonly replicationDelayMs: number;
  readonly tamper: Tamper;
  /** What broke a promise, as soon as it is seen. */
  readonly violations: string[] = [];
  /** Something changed that {@link import('./checks.ts')} looks at. */
  isDirty = true;
  /** How many returns of servers with transactions of their own began. */
  returns = 0;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #plans = new Map<string, string>();
  #next = 0;
  #value = 0;

  constructor({ seed, sessionTimeoutMs, replicationDelayMs, tamper, trace }: GroundOptions) {
    this.network = new Network(this.clock, new Random(seed));
    const hosts = ['zk1', 'zk2', 'zk3'];
    this.zookeeper = new ZkEnsemble(
      { clock: this.clock, network: this.network },
      { hosts, sessionTimeoutMs },
    );
    this.peers = new SimPeers(this.network);
    this.replicationDelayMs = replicationDelayMs;
    this.tamper = tamper;
    this.#trace = trace;
    this.zookeeper.onExpired = (session) => this.note(`${session} expired`);
  }

  readonly change = (server: SimServer, table: number, id: number, isDeleted?: boolean): Change => {
    this.#value += 1;
    return server.tables.changeTo(table, id, this.#value, isDeleted);
  };

  readonly changed = (): void => {
    this.isDirty = true;
  };

  violation(text: string): void {
    this.violations.push(text);
    this.note(`VIOLATION: ${text}`);
  }

  /** A line of the trace. */
  note(text: string): void {
    this.#trace?.(`${this.clock.now.toFixed(1).padStart(9)} ${this.#stable(text)}`);
  }

  logOf(name: string): Log {
    if (this.#trace === undefined) return silentLog;
    return traceLog((line) => this.note(`${name}: ${line}`));
  }

  nextServer(): number {
    this.#next += 1;
    return this.#next;
  }

  /** Ids that the program draws at random are named by the order of their appearance, so that a trace is the same each time. */
  #stable(text: string): string {
    return text.replaceAll(/(?!00000000)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => {
      const name = this.#plans.get(id) ?? `plan-${this.#plans.size + 1}`;
      this.#plans.set(id, name);
      return name;
    });
  }
}
