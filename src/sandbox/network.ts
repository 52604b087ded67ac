import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

export async function releaseClaim(prefix: string): Promise<void> {
  await rm(path.join(CLAIMS, prefix), { force: true });
}

async function isClaimed(prefix: string): Promise<boolean> {
  try {
    const dir = await readFile(path.join(CLAIMS, prefix), 'utf8');
    const state: unknown = JSON.parse(await readFile(path.join(dir, 'sandbox.json'), 'utf8'));
    return typeof state === 'object' && state !== null && 'network' in state && state.network === prefix;
  } catch {
    // No claim, or of a sandbox that is gone.
    return false;
  }
}
