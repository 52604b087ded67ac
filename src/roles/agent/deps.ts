import type { LagPolicy } from '../../core/decide/late-readers.ts';
import type { SemiSyncPolicy } from '../../core/decide/semi-sync.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import type { Decompress } from '../../core/binlog/payload.ts';
import type { Cloning } from '../../ports/clone.ts';
import type { BinlogService } from '../../ports/binlog-service.ts';
import type { BinlogSource } from '../../ports/binlog-source.ts';
import type { Coordination } from '../../ports/coordination.ts';
import type { Mysql } from '../../ports/mysql.ts';
import type { PeerCaller, PeerListener } from '../../ports/peers.ts';
import type { RegionalServers } from '../../ports/regional.ts';
import type { Rollback } from '../../ports/rollback.ts';
import type { SemiSync } from '../../ports/semi-sync.ts';
import type { SalvageStore } from '../../ports/salvage.ts';
import type { Clock, CommandRunner, Log, ProcessWatch, StateFile } from '../../ports/system.ts';

/** How an agent gets at the binlog of the server beside it, and hands it out. */
export interface BinlogDeps {
  readonly open: (place: BinlogPlace) => BinlogSource;
  /** As its data directory says; the server need not run. */
  readonly serverUuid: (place: BinlogPlace) => Promise<string>;
  readonly service: BinlogService;
  /** Makes a file no longer than this, on the disk when it resolves. Without it, no binlog is ever changed. */
  readonly cut?: ((place: BinlogPlace, name: string, sizeBytes: number) => Promise<void>) | undefined;
}

/** What it takes to overwrite a server by a copy of another. */
export interface CloneDeps {
  readonly cloning: Cloning;
  /** Of the file system that holds a directory. */
  readonly freeBytes: (directory: string) => Promise<number>;
}

/** What an agent needs to take back transactions that its primary lacks, once they are saved. */
export interface RejoinDeps {
  readonly store: SalvageStore;
  readonly rollback: Rollback;
  readonly decompress: Decompress;
  /** Without it, nothing is cloned, whatever the policy says. */
  readonly clone?: CloneDeps | undefined;
}

/** How an agent starts mysqld. */
export interface StartDeps {
  readonly commands: CommandRunner;
  /** Never empty. */
  readonly argv: readonly string[];
  /** Deadline of the command, and of the server to answer after it. */
  readonly timeoutMs: number;
}

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
  /** Without it, nothing is handed out. */
  readonly binlog?: BinlogDeps | undefined;
  /** Without it, a server with transactions of its own stays out. */
  readonly rejoin?: RejoinDeps | undefined;
  /** Servers that the group receives from over regional channels; without it, none is asked. */
  readonly regional?: RegionalServers | undefined;
  /** Without it, semi-sync is the operator's. */
  readonly semiSync?: SemiSync | undefined;
  /** Without it, mysqld is somebody else's to start. */
  readonly start?: StartDeps | undefined;
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
  /** The server's binlog; without it, where the server itself said that it is. */
  readonly binlogPlace?: BinlogPlace | undefined;
  /** Where the binlog is handed out, on this host's address. */
  readonly binlogPort: number;
  readonly version: string;
  readonly checkIntervalMs: number;
  readonly checkTimeoutMs: number;
  readonly attempts: number;
  readonly commitProbeTimeoutMs: number;
  /** Deadline of a call to another agent. */
  readonly peerTimeoutMs: number;
  /** How commits are acknowledged, where the group's policy says nothing. */
  readonly semiSync: SemiSyncPolicy;
  /** When a late replica leaves the read list, where the group's policy says nothing. */
  readonly lag: LagPolicy;
  /** Whether transactions that only this server has are taken back without being asked for. */
  readonly rejoinAutomatic?: boolean | undefined;
  /** Whether a server that cannot take its own back is overwritten by a clone, where the group's policy says nothing. */
  readonly rejoinClone?: 'allowed' | 'never' | undefined;
}
