import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { newSecret, type Passwords } from './accounts.ts';
import { directories, type Layout, leasePort, ports, secretFile } from './layout.ts';
import { mysqldFiles } from './mysqld-config.ts';

/** Sections of a configuration file. */
export type Settings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface ConfigContext {
  readonly layout: Layout;
  /** A short directory for sockets; see {@link shortDirectory}. */
  readonly shortDir: string;
  readonly overrides: Settings;
}

/** Where the sockets of the sandbox go when its own path is too long for them (107 bytes). */
export const shortDirectory = (id: string) => `/tmp/dcmha-${id}`;

export async function writeSecrets(dir: string, passwords: Passwords): Promise<void> {
  await mkdir(directories.secrets(dir), { recursive: true, mode: 0o700 });
  const secrets = { ...passwords, peer: newSecret(), zookeeper: newSecret() };
  for (const [name, secret] of Object.entries(secrets)) {
    await writeFile(secretFile(dir, name), `${secret}\n`, { mode: 0o600 });
  }
}

/** The operator's and the coordinators' file. */
export const mainConfig = (dir: string) => path.join(dir, 'dcmha.yaml');
export const agentConfig = (dir: string, host: string) =>
  path.join(directories.host(dir, host), 'dcmha.yaml');
export const routerConfig = (dir: string, host: string) =>
  path.join(directories.router(dir, host), 'dcmha.yaml');

function sharedSettings({ layout }: ConfigContext): Settings {
  const { dir } = layout;
  return {
    zookeeper: {
      hosts: zookeeperHosts(layout),
      sessionTimeoutMs: 4000,
      user: 'dcmha',
      passwordFile: secretFile(dir, 'zookeeper'),
    },
    mysql: { passwordFile: secretFile(dir, 'dcmha'), replicationPasswordFile: secretFile(dir, 'repl') },
    peer: { secretFile: secretFile(dir, 'peer') },
    agent: { port: ports.agent },
    // Two failovers of one group within minutes are what sandboxes are for.
    failover: { cooldownMs: 1000 },
    salvage: { directory: path.join(dir, 'salvage') },
  };
}

export const zookeeperHosts = (layout: Layout) =>
  layout.zookeepers.map((host) => `${host}:${ports.zookeeper}`).join(',');

function agentSettings({ layout, shortDir }: ConfigContext, host: string): Settings {
  const dir = directories.host(layout.dir, host);
  const files = mysqldFiles({ dir, host, port: ports.mysql, shortDir });
  return {
    agent: {
      pidFile: files.pidFile,
      socket: files.socket,
      datadir: files.data,
      stateDirectory: path.join(dir, 'agent'),
    },
    salvage: { directory: path.join(dir, 'salvage') },
  };
}

// HAProxy binds its socket under a longer temporary name first.
const LONGEST_RUN_DIRECTORY = 60;

function routerSettings({ layout, shortDir }: ConfigContext, index: number): Settings {
  const host = layout.routers[index] ?? '';
  const dir = directories.router(layout.dir, host);
  const run = path.join(dir, 'run');
  const dc = layout.routerDcs[index];
  return {
    router: {
      host,
      ...(dc === undefined ? {} : { dc }),
      port: ports.router,
      directory: path.join(dir, 'haproxy'),
      runDirectory: run.length > LONGEST_RUN_DIRECTORY ? path.join(shortDir, `router-${index + 1}`) : run,
      bind: host,
      writePort: ports.write,
      leasePort: leasePort(layout.prefix, index),
    },
  };
}

/** Writes every role's file and makes the directories that they name. */
export async function writeConfigFiles(context: ConfigContext): Promise<void> {
  const { layout, overrides } = context;
  const shared = sharedSettings(context);
  await writeYaml(mainConfig(layout.dir), [shared, overrides]);
  for (const host of layout.groups.flatMap((group) => group.hosts)) {
    await mkdir(path.join(directories.host(layout.dir, host), 'agent'), { recursive: true });
    await writeYaml(agentConfig(layout.dir, host), [shared, agentSettings(context, host), overrides]);
  }
  for (const [index, host] of layout.routers.entries()) {
    const settings = routerSettings(context, index);
    for (const key of ['directory', 'runDirectory']) {
      await mkdir(String(settings['router']?.[key]), { recursive: true });
    }
    await writeYaml(routerConfig(layout.dir, host), [shared, settings, overrides]);
  }
}

async function writeYaml(file: string, parts: readonly Settings[]): Promise<void> {
  const merged: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const part of parts) {
    for (const [section, values] of Object.entries(part)) merged[section] = { ...merged[section], ...values };
  }
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, stringify(merged));
}
