import type { Endpoint } from '../core/model/endpoint.ts';
import type { Coordination } from '../ports/coordination.ts';
import type { Mysql } from '../ports/mysql.ts';
import type { PeerCaller, PeerListener } from '../ports/peers.ts';
import type { Clock, Log, ProcessWatch, StateFile } from '../ports/system.ts';

/** What an agent works with. */
export interface AgentDeps {
  readonly coordination: Coordination;
  /** As seen from this host: the agent asks the server beside it, and as a replica's agent its primary. */
  readonly mysql: Mysql;
  readonly processes: ProcessWatch;
  /** Of this agent alone, on a disk that outlives the host's restart. */
  readonly stateFile: StateFile;
  readonly caller: PeerCaller;
  readonly listener: PeerListener;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AgentOptions {
  /** This host's address, as in the metadata. */
  readonly host: string;
  /** Where MySQL is asked for until `meta/host/H` says a port. */
  readonly mysqlPort: number;
  /** Where the control port listens, and what the presence says. */
  readonly control: Endpoint;
  /** The control port of agents whose metadata do not say one. */
  readonly defaultAgentPort: number;
  /** mysqld's pid file; without it, what the server says of itself is used once it has answered. */
  readonly pidFile?: string | undefined;
  readonly version: string;
  readonly checkIntervalMs: number;
  readonly checkTimeoutMs: number;
  readonly attempts: number;
  readonly commitProbeTimeoutMs: number;
  /** Deadline of a call to another agent. */
  readonly peerTimeoutMs: number;
}
