import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../core/model/errors.ts';
import { newPasswords, type Passwords } from './accounts.ts';
import {
  mainConfig,
  shortDirectory,
  writeConfigFiles,
  writeSecrets,
  zookeeperHosts,
} from './config-files.ts';
import { tearDown } from './down.ts';
import { formGroups } from './groups.ts';
import { createIsolation } from './isolation.ts';
import {
  addressesOf,
  checkOptions,
  type Layout,
  listeners,
  mysqlEndpoint,
  planLayout,
  type SandboxOptions,
} from './layout.ts';
import { liveProcesses } from './live-processes.ts';
import { prepareMysqld } from './mysqld.ts';
import { claimNetwork, leaseNetwork } from './network.ts';
import { killSandboxProcesses, startKind } from './processes.ts';
import { mysqldPlace, processSpecs, zookeeperPlace } from './process-specs.ts';
import { PROGRAM } from './project.ts';
import { settleAll } from './settle.ts';
import { type SandboxState, tryReadState, writeState } from './state.ts';
import { startWatchdog } from './watch-parent.ts';
import { prepareZookeeper } from './zookeeper.ts';

/**
 * Starts a sandbox and returns once every group takes writes and all its members replicate. A start that fails, or whose process is
 * killed, leaves no process; its logs stay in the directory.
 */
export async function startSandbox(options: SandboxOptions): Promise<SandboxState> {
  await claimDirectory(options);
  return bringUpGuarded(options);
}

/** The start itself, in a directory that was claimed. */
export async function bringUpGuarded(options: SandboxOptions): Promise<SandboxState> {
  const dir = path.resolve(options.dir);
  const callOff = startWatchdog(dir, { keep: true });
  try {
    return await bringUp({ ...options, dir });
  } catch (error) {
    await killSandboxProcesses(await tryReadState(dir), dir);
    throw error;
  } finally {
    callOff();
  }
}

/** Checks what is asked for, and that the directory is ours to fill. Throws `USAGE` or `NOT_FOUND`, and has then changed nothing. */
export async function claimDirectory(options: SandboxOptions): Promise<void> {
  checkOptions(options);
  if (!options.bare && !existsSync(PROGRAM)) {
    throw new DcmhaError('NOT_FOUND', `dcmha is not built (${PROGRAM}): run make setup, or npm run build`);
  }
  await clearDirectory(path.resolve(options.dir));
}

/** A sandbox that was there must have ended; anybody else's files are not touched. */
async function clearDirectory(dir: string): Promise<void> {
  const state = await tryReadState(dir);
  if (state !== undefined) {
    const alive = (await liveProcesses(state)).some(({ process }) => process !== undefined);
    if (alive) {
      throw new DcmhaError('USAGE', `a sandbox is up in ${dir}: end it with dcmha sandbox down --dir ${dir}`);
    }
    await tearDown(dir);
  }
  await mkdir(dir, { recursive: true });
  if ((await readdir(dir)).length > 0) {
    throw new DcmhaError('USAGE', `${dir} is not empty and holds no sandbox: name a directory of its own`);
  }
}

async function bringUp(options: SandboxOptions): Promise<SandboxState> {
  await using network = await leaseNetwork(undefined, options);
  const layout = planLayout(options, network.prefix);
  const state = describeSandbox(options, layout);
  await writeState(state);
  await claimNetwork(network.prefix, options.dir);
  if (options.isolated) await createIsolation(network.prefix, addressesOf(layout));
  const shortDir = shortDirectory(state.id);
  await mkdir(shortDir, { recursive: true, mode: 0o700 });
  const passwords = newPasswords();
  await writeSecrets(options.dir, passwords);
  await writeConfigFiles({ layout, shortDir, overrides: options.settings ?? {} });

  const servers = startServers(state, layout, { passwords, mysqlOptions: options.mysqlOptions });
  const groups = startZookeepers(state, layout).then(() =>
    options.bare ? undefined : formGroups(state, servers),
  );
  await settleAll([servers, groups]);
  return state;
}

function describeSandbox(options: SandboxOptions, layout: Layout): SandboxState {
  const id = randomBytes(4).toString('hex');
  return {
    format: 1,
    id,
    dir: options.dir,
    network: layout.prefix,
    zookeeper: zookeeperHosts(layout),
    config: mainConfig(options.dir),
    bare: options.bare,
    isolated: options.isolated,
    processes: processSpecs(layout, { bare: options.bare, shortDir: shortDirectory(id) }),
    groups: layout.groups.map(({ name, hosts }, index) => ({
      name,
      members: hosts.map(mysqlEndpoint),
      listeners: layout.routers.map((host) => listeners(host, index)),
    })),
  };
}

async function startZookeepers(state: SandboxState, layout: Layout): Promise<void> {
  await settleAll(
    layout.zookeepers.map((host, index) =>
      prepareZookeeper({ ...zookeeperPlace(layout, host, index), ensemble: layout.zookeepers }),
    ),
  );
  await startKind(state, 'zookeeper');
}

async function startServers(
  state: SandboxState,
  layout: Layout,
  { passwords, mysqlOptions }: { passwords: Passwords } & Pick<SandboxOptions, 'mysqlOptions'>,
): Promise<void> {
  const hosts = layout.groups.flatMap((group) => group.hosts);
  await settleAll(
    hosts.map((host, index) => {
      const place = mysqldPlace(layout, host, shortDirectory(state.id));
      return prepareMysqld({ ...place, serverId: index + 1, options: mysqlOptions }, passwords);
    }),
  );
  await startKind(state, 'mysqld');
}
