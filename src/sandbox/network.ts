import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DcmhaError } from '../core/model/errors.ts';

/** A block of addresses, `127.0.20` for 127.0.20.0/24, that nobody else uses while it is held. */
export interface NetworkLease extends AsyncDisposable {
  readonly prefix: string;
  /** The address with this last number, 1 to 253. */
  host(number: number): string;
}

const FIRST = 20;
const LAST = 250;
const LEASE_PORT = 7099;
const LEASE_WAIT_MS = 5000;
// Where a sandbox that outlived the process that made it would be found.
const TELLTALES: readonly (readonly [number, number])[] = [
  [1, 2181],
  [11, 3306],
  [51, 7072],
];

// Set aside for tests of networks (RFC 2544); for hosts that have namespaces of their own.
const ISOLATED = '198.18';

/**
 * Takes a free block, of loopback addresses unless the hosts are `isolated`. The lease is a bound port of its last address, so that it ends with this process; a sandbox that outlives
 * us is told by `isTaken` (its claim in the file system) and by the ports it listens on.
 */
export async function leaseNetwork(
  isTaken: (prefix: string) => Promise<boolean> = isClaimed,
  { isolated = false }: { readonly isolated?: boolean } = {},
): Promise<NetworkLease> {
  const count = LAST - FIRST + 1;
  const start = Math.floor(Math.random() * count);
  for (let i = 0; i < count; i++) {
    const number = FIRST + ((start + i) % count);
    const loopback = `127.0.${number}`;
    const prefix = isolated ? `${ISOLATED}.${number}` : loopback;
    const lease = await bindOnly(`${loopback}.254`, LEASE_PORT);
    if (lease === undefined) continue;
    if (!(await isTaken(prefix)) && (await isSilent(loopback))) {
      return {
        prefix,
        host: (number) => `${prefix}.${number}`,
        [Symbol.asyncDispose]: () => closeServer(lease),
      };
    }
    await closeServer(lease);
  }
  throw new DcmhaError(
    'UNEXPECTED',
    'no free block of loopback addresses: stop a sandbox with dcmha sandbox down --dir D',
  );
}

async function isSilent(prefix: string): Promise<boolean> {
  for (const [number, port] of TELLTALES) {
    const server = await bindOnly(`${prefix}.${number}`, port);
    if (server === undefined) return false;
    await closeServer(server);
  }
  return true;
}

function bindOnly(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

const CLAIMS = path.join(tmpdir(), 'dcmha-sandbox-networks');

/** Notes that the sandbox in `dir` uses the block, for as long as its state file says so. Called under the lease. */
export async function claimNetwork(prefix: string, dir: string): Promise<void> {
  await mkdir(CLAIMS, { recursive: true });
  await writeFile(path.join(CLAIMS, prefix), dir);
}

/**
 * Gives the block of the sandbox made in `dir` back, once `remove` has taken away what is there. Nothing is done when the block has been
 * somebody else's since: then its networks are theirs.
 */
export async function freeNetwork(prefix: string, dir: string, remove: () => Promise<void>): Promise<void> {
  // Under the lease nobody begins to use it between the look and the end.
  const lease = await untilLeased(loopbackOf(prefix));
  if (lease === undefined) return;
  try {
    if ((await claimant(prefix)) !== dir) return;
    await remove();
    await rm(path.join(CLAIMS, prefix), { force: true });
  } finally {
    await closeServer(lease);
  }
}

/** Who only looks for a free block holds it for a moment; undefined when somebody starts a sandbox there, which sweeps it first. */
async function untilLeased(loopback: string): Promise<Server | undefined> {
  const deadline = performance.now() + LEASE_WAIT_MS;
  for (;;) {
    const lease = await bindOnly(`${loopback}.254`, LEASE_PORT);
    if (lease !== undefined || performance.now() > deadline) return lease;
    await pause(50);
  }
}

const loopbackOf = (prefix: string): string => `127.0.${prefix.split('.')[2] ?? ''}`;

async function isClaimed(prefix: string): Promise<boolean> {
  try {
    const dir = (await claimant(prefix)) ?? '';
    const state: unknown = JSON.parse(await readFile(path.join(dir, 'sandbox.json'), 'utf8'));
    return typeof state === 'object' && state !== null && 'network' in state && state.network === prefix;
  } catch {
    // No claim, or of a sandbox that is gone.
    return false;
  }
}

/** The directory of the sandbox that the block was claimed for last; it may be gone. */
async function claimant(prefix: string): Promise<string | undefined> {
  try {
    return await readFile(path.join(CLAIMS, prefix), 'utf8');
  } catch {
    // Nobody's.
    return undefined;
  }
}
