import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Endpoint } from '../core/model/endpoint.ts';
import type { ProcessId } from './process.ts';
import { launchProcess, type ProcessHandle } from './process-handle.ts';
import { zookeeperClasspath } from './project.ts';
import { ask, untilReady } from './ready.ts';

const START_TIMEOUT_MS = 60_000;

export interface ZookeeperSettings {
  /** A directory of its own, made when absent. */
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** All servers of an ensemble by their hosts, this one among them; absent or one: standalone. Their ports are the same. */
  readonly ensemble?: readonly string[] | undefined;
  /** Further system properties, as `zookeeper.digest.enabled=false`. */
  readonly properties?: readonly string[] | undefined;
}

/** Sessions end at the first tick after their time-out, so a dead host is noticed up to so much later. */
const TICK_MS = 100;
const LEAST_SESSION_MS = 1000;
const JOIN_MS = 10_000;
const BEHIND_MS = 5000;
const PEER_PORT = 2888;
const ELECTION_PORT = 3888;

const logOf = (settings: Pick<ZookeeperSettings, 'dir'>) => path.join(settings.dir, 'zookeeper.log');
const configOf = (settings: Pick<ZookeeperSettings, 'dir'>) => path.join(settings.dir, 'zoo.cfg');

/** Writes zoo.cfg and, in an ensemble, the server's number. */
export async function prepareZookeeper(settings: ZookeeperSettings): Promise<void> {
  const data = path.join(settings.dir, 'data');
  const ensemble = settings.ensemble ?? [];
  const servers = ensemble.length > 1 ? ensemble : [];
  await mkdir(data, { recursive: true });
  const lines = [
    `tickTime=${TICK_MS}`,
    `minSessionTimeout=${LEAST_SESSION_MS}`,
    'maxSessionTimeout=60000',
    // To join the leader, and to fall behind it, in ticks.
    `initLimit=${JOIN_MS / TICK_MS}`,
    `syncLimit=${BEHIND_MS / TICK_MS}`,
    `dataDir=${data}`,
    `clientPort=${settings.port}`,
    `clientPortAddress=${settings.host}`,
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=srvr,stat,cons,mntr,ruok',
    ...servers.map((host, index) => `server.${index + 1}=${host}:${PEER_PORT}:${ELECTION_PORT}`),
  ];
  await writeFile(configOf(settings), `${lines.join('\n')}\n`);
  if (servers.length > 0) await writeFile(path.join(data, 'myid'), `${servers.indexOf(settings.host) + 1}\n`);
}

export function zookeeperCommand(settings: ZookeeperSettings): readonly string[] {
  return [
    'java',
    '-Xms32m',
    '-Xmx128m',
    // Small and quick to start: one collector thread, no optimising compiler.
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    // In KB: its log files grow by so much, instead of 64 MB at a time.
    '-Dzookeeper.preAllocSize=1024',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    '-Dorg.slf4j.simpleLogger.showDateTime=true',
    ...(settings.properties ?? []).map((property) => `-D${property}`),
    '-cp',
    zookeeperClasspath(),
    'org.apache.zookeeper.server.quorum.QuorumPeerMain',
    configOf(settings),
  ];
}

/** Resolves once it serves clients: in an ensemble, once there is a leader. */
export async function zookeeperReady(
  settings: Omit<ZookeeperSettings, 'ensemble'>,
  process: ProcessId,
): Promise<void> {
  const { host, port } = settings;
  await untilReady(
    { what: `zookeeper ${host}:${port}`, process, log: logOf(settings), timeoutMs: START_TIMEOUT_MS },
    async () => {
      const answer = await ask(host, port, { say: 'srvr', enough: () => false });
      return answer.includes('Mode: ');
    },
  );
}

export interface ZookeeperHandle extends ProcessHandle {
  readonly host: string;
  readonly port: number;
  readonly dir: string;
  /** `host:port`, as clients want it. */
  readonly endpoint: string;
}

/** A real ZooKeeper server. */
export async function startZookeeper(settings: ZookeeperSettings): Promise<ZookeeperHandle> {
  await prepareZookeeper(settings);
  const { dir, host, port } = settings;
  const handle = await launchProcess({
    program: () => ({ argv: zookeeperCommand(settings), cwd: dir, log: logOf(settings) }),
    ready: (process) => zookeeperReady(settings, process),
  });
  return { ...handle, host, port, dir, endpoint: `${host}:${port}` };
}

/** An ensemble, one server per host; started together, because none serves before most are there. */
export async function startEnsemble(
  dir: string,
  at: readonly Endpoint[],
): Promise<readonly ZookeeperHandle[]> {
  const ensemble = at.map(({ host }) => host);
  const started = await Promise.allSettled(
    at.map(({ host, port }, index) =>
      startZookeeper({ dir: path.join(dir, String(index + 1)), host, port, ensemble }),
    ),
  );
  const servers = started.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    throw failed.reason;
  }
  return servers;
}
