import path from 'node:path';
import { agentConfig, mainConfig, routerConfig } from './config-files.ts';
import { insideArgv } from './isolation.ts';
import { directories, type Layout, ports } from './layout.ts';
import { mysqldCommand, mysqldReady } from './mysqld.ts';
import { type MysqldPlace, mysqldFiles } from './mysqld-config.ts';
import type { ProcessId } from './process.ts';
import { PROGRAM } from './project.ts';
import { knock, untilReady } from './ready.ts';
import type { ProcessSpec } from './state.ts';
import { zookeeperCommand, zookeeperReady } from './zookeeper.ts';

const READY_TIMEOUT_MS = 30_000;

/** The command line of dcmha itself. */
export const dcmhaCommand = (...args: readonly string[]) => [process.execPath, PROGRAM, ...args];

/** Every process of a sandbox but the HAProxies, which their routers start. */
export function processSpecs(layout: Layout, options: { bare: boolean; shortDir: string }): ProcessSpec[] {
  const servers = [...zookeeperSpecs(layout), ...mysqldSpecs(layout, options.shortDir)];
  const specs = options.bare
    ? servers
    : [...servers, ...agentSpecs(layout), ...coordinatorSpecs(layout), ...routerSpecs(layout)];
  return layout.isolated ? specs.map((spec) => ({ ...spec, argv: insideArgv(spec.host, spec.argv) })) : specs;
}

export const mysqldPlace = (layout: Pick<Layout, 'dir'>, host: string, shortDir: string): MysqldPlace => ({
  dir: directories.host(layout.dir, host),
  host,
  port: ports.mysql,
  shortDir,
});

export const zookeeperPlace = (layout: Pick<Layout, 'dir'>, host: string, index: number) => ({
  dir: directories.zookeeper(layout.dir, index),
  host,
  port: ports.zookeeper,
});

const hostsOf = (layout: Layout) => layout.groups.flatMap((group) => group.hosts);

function zookeeperSpecs(layout: Layout): ProcessSpec[] {
  return layout.zookeepers.map((host, index) => {
    const place = zookeeperPlace(layout, host, index);
    return {
      kind: 'zookeeper',
      id: `zookeeper-${index + 1}`,
      host,
      port: place.port,
      dir: place.dir,
      argv: [...zookeeperCommand(place)],
      log: path.join(place.dir, 'zookeeper.log'),
      datadir: path.join(place.dir, 'data'),
    };
  });
}

function mysqldSpecs(layout: Layout, shortDir: string): ProcessSpec[] {
  return hostsOf(layout).map((host) => {
    const place = mysqldPlace(layout, host, shortDir);
    const files = mysqldFiles(place);
    return {
      kind: 'mysqld',
      id: `mysqld-${host}`,
      host,
      port: place.port,
      dir: place.dir,
      argv: [...mysqldCommand(place)],
      log: files.log,
      datadir: files.data,
    };
  });
}

function agentSpecs(layout: Layout): ProcessSpec[] {
  return hostsOf(layout).map((host) => {
    const dir = directories.host(layout.dir, host);
    return {
      kind: 'agent',
      id: `agent-${host}`,
      host,
      port: ports.agent,
      dir,
      argv: dcmhaCommand('heartbeat', '--host', host, '--config', agentConfig(layout.dir, host)),
      log: path.join(dir, 'agent.log'),
    };
  });
}

function coordinatorSpecs(layout: Layout): ProcessSpec[] {
  return layout.coordinators.map((host, index) => {
    const dir = directories.coordinator(layout.dir, index);
    return {
      kind: 'coordinator',
      id: `coordinator-${index + 1}`,
      host,
      port: 0,
      dir,
      argv: dcmhaCommand('serve', '--id', `coordinator-${index + 1}`, '--config', mainConfig(layout.dir)),
      log: path.join(dir, 'coordinator.log'),
    };
  });
}

function routerSpecs(layout: Layout): ProcessSpec[] {
  const groups = layout.groups.map(({ name }) => name).join(',');
  return layout.routers.map((host, index) => {
    const dir = directories.router(layout.dir, host);
    return {
      kind: 'router',
      id: `router-${index + 1}`,
      host,
      port: ports.router,
      dir,
      argv: dcmhaCommand('route', '--groups', groups, '--config', routerConfig(layout.dir, host)),
      log: path.join(dir, 'router.log'),
    };
  });
}

/** Resolves once the process serves; throws with the end of its log when it does not. */
export async function processReady(spec: ProcessSpec, process: ProcessId, shortDir: string): Promise<void> {
  const { kind, host, port, dir, log } = spec;
  const starting = { what: `${kind} ${host}`, process, log, timeoutMs: READY_TIMEOUT_MS };
  switch (kind) {
    case 'zookeeper':
      return zookeeperReady({ dir, host, port }, process);
    case 'mysqld':
      return mysqldReady({ dir, host, port, shortDir }, process);
    case 'agent':
    case 'router':
      return untilReady(starting, () => knock(host, port).then(() => true));
    case 'coordinator':
    case 'haproxy':
      // They listen nowhere of their own: what they do is seen at the group.
      return;
  }
}
