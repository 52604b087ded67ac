import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { DcmhaError } from '../core/model/errors.ts';

const NAMESPACES = '/run/netns';
const COMMAND_TIMEOUT_MS = 10_000;

/** Of 198.18.20.11: `dcmha-198.18.20.11`. */
export const namespaceOf = (host: string): string => `dcmha-${host}`;

const bridgeOf = (prefix: string): string => `dcmha${prefix.split('.')[2] ?? ''}`;
const linkOf = (host: string): string => `dc${host.split('.').slice(2).join('-')}`;

/** The command line that runs `argv` at its host: in the host's network, everything else as it is here. */
export function insideArgv(host: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=${NAMESPACES}/${namespaceOf(host)}`, '--', ...argv];
}

/**
 * Gives each host a network namespace of its own, all joined by a bridge on which this machine has an address, too: so one host can be
 * cut off from another. Whatever is left of former ones with this prefix is removed. Throws `USAGE` without root, `NOT_FOUND` without `ip`.
 */
export async function createIsolation(prefix: string, hosts: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new DcmhaError('USAGE', 'an isolated sandbox makes network namespaces: run it as root');
  }
  await removeIsolation(prefix);
  const bridge = bridgeOf(prefix);
  await ip(
    `link add ${bridge} type bridge`,
    `address add ${prefix}.254/24 dev ${bridge}`,
    `link set ${bridge} up`,
    ...hosts.flatMap((host) => [
      `netns add ${namespaceOf(host)}`,
      `link add ${linkOf(host)} type veth peer name eth0 netns ${namespaceOf(host)}`,
      `link set ${linkOf(host)} master ${bridge} up`,
    ]),
  );
  for (const host of hosts) {
    await ipInside(host, 'link set lo up', `address add ${host}/24 dev eth0`, 'link set eth0 up');
  }
}

/** Removes what {@link createIsolation} made; nothing may run in it any more. Somebody else may be about the same. */
export async function removeIsolation(prefix: string): Promise<void> {
  const deadline = performance.now() + COMMAND_TIMEOUT_MS;
  for (let left = await removals(prefix); left.length > 0; left = await removals(prefix)) {
    try {
      await runTool('ip', ['-force', '-batch', '-'], left);
    } catch (error) {
      // What is gone meanwhile cannot be removed: only what stays is a failure.
      if (performance.now() > deadline) throw error;
      await pause(50);
    }
  }
}

async function removals(prefix: string): Promise<readonly string[]> {
  const names = existsSync(NAMESPACES) ? await readdir(NAMESPACES) : [];
  const ours = names.filter((name) => name.startsWith(`${namespaceOf(prefix)}.`));
  // A link goes with its namespace, too, but later.
  const links = (await readdir('/sys/class/net')).filter(
    (name) => name === bridgeOf(prefix) || name.startsWith(`${linkOf(prefix)}-`),
  );
  return [...links.map((name) => `link del ${name}`), ...ours.map((name) => `netns del ${name}`)];
}

function ip(...commands: readonly string[]): Promise<void> {
  return runTool('ip', ['-batch', '-'], commands);
}

function ipInside(host: string, ...commands: readonly string[]): Promise<void> {
  return runTool('ip', ['-n', namespaceOf(host), '-batch', '-'], commands);
}

/** Runs a tool of the network with its commands on standard input. Throws `NOT_FOUND` when it is not installed. */
export async function runTool(
  tool: string,
  args: readonly string[],
  commands: readonly string[],
): Promise<void> {
  const result = await execa(tool, args, {
    input: `${commands.join('\n')}\n`,
    timeout: COMMAND_TIMEOUT_MS,
    reject: false,
  });
  if (!result.failed) return;
  if (result.code === 'ENOENT') throw new DcmhaError('NOT_FOUND', `${tool} is not installed: run make setup`);
  const why = result.stderr.trim() === '' ? result.shortMessage : result.stderr.trim();
  throw new DcmhaError('UNEXPECTED', `${tool} cannot change the network of the sandbox: ${why}`);
}
