import { secretFile } from './layout.ts';
import { liveProcesses } from './live-processes.ts';
import { type ProcessState, residentBytes, stateOf } from './process.ts';
import { recordedPrimaries } from './registered.ts';
import type { GroupSpec, ProcessSpec, SandboxState } from './state.ts';

export interface ProcessStatus {
  readonly kind: ProcessSpec['kind'];
  readonly id: string;
  readonly host: string;
  /** 0 when it listens nowhere. */
  readonly port: number;
  /** null when it is stopped. */
  readonly pid: number | null;
  readonly datadir?: string;
  readonly log: string;
  readonly state: ProcessState;
  readonly memoryMb: number;
}

export interface GroupStatus {
  readonly name: string;
  /** As recorded in ZooKeeper; null when none is, or ZooKeeper does not answer. */
  readonly primary: string | null;
  readonly members: readonly string[];
  /** Where the first router's HAProxy listens; null without routers. */
  readonly write: string | null;
  readonly read: string | null;
  readonly listeners: GroupSpec['listeners'];
  readonly user: string;
  readonly passwordFile: string;
  readonly adminUser: string;
  readonly adminPasswordFile: string;
}

export interface SandboxStatus {
  readonly dir: string;
  readonly config: string;
  readonly zookeeper: string;
  readonly processes: readonly ProcessStatus[];
  readonly groups: readonly GroupStatus[];
  readonly memoryMb: number;
}

/** What the sandbox is now. Nothing in it fails because a server is away. */
export async function sandboxStatus(state: SandboxState): Promise<SandboxStatus> {
  const [live, primaries] = await Promise.all([liveProcesses(state), recordedPrimaries(state)]);
  const processes = live.map(({ process, ...known }) => ({
    kind: known.kind,
    id: known.id,
    host: known.host,
    port: known.port,
    pid: process?.pid ?? null,
    ...(known.datadir === undefined ? {} : { datadir: known.datadir }),
    log: known.log,
    state: stateOf(process),
    memoryMb: Math.round(residentBytes(process) / 1e6),
  }));
  return {
    dir: state.dir,
    config: state.config,
    zookeeper: state.zookeeper,
    processes,
    groups: state.groups.map((group) => groupStatus(state, group, primaries.get(group.name))),
    memoryMb: processes.reduce((sum, { memoryMb }) => sum + memoryMb, 0),
  };
}

function groupStatus(state: SandboxState, group: GroupSpec, primary: string | undefined): GroupStatus {
  return {
    name: group.name,
    primary: primary ?? null,
    members: group.members,
    write: group.listeners[0]?.write ?? null,
    read: group.listeners[0]?.read ?? null,
    listeners: group.listeners,
    user: 'app',
    passwordFile: secretFile(state.dir, 'app'),
    adminUser: 'admin',
    adminPasswordFile: secretFile(state.dir, 'admin'),
  };
}
