import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { DcmhaError } from '../../core/model/errors.ts';

export interface ConnectionString {
  readonly servers: readonly Endpoint[];
  /** A path behind the hosts, as other clients allow it; '' when there is none. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;

/** Reads `host:port,[::1]:port,host/chroot`; the port is 2181 when left out. Throws `CONFIG_INVALID`. */
export function parseConnectionString(text: string): ConnectionString {
  const [hosts = '', ...path] = text.trim().split('/');
  const chroot = path.filter((part) => part !== '').map((part) => `/${part}`);
  const parts = hosts.split(',').map((part) => part.trim());
  return { servers: parts.map((part) => parseServer(part, text)), chroot: chroot.join('') };
}

/** The servers in the order in which attempts to connect try them: from a random one on, so that clients spread, then round. */
export class ServerRing {
  readonly #servers: readonly Endpoint[];
  #addresses: readonly string[] = [];
  #untried: readonly string[] = [];
  readonly #first: number;

  constructor(servers: readonly Endpoint[]) {
    this.#servers = servers;
    this.#first = randomInt(servers.length);
  }

  /** As given, for people. */
  get text(): string {
    return this.#servers.map(formatEndpoint).join(',');
  }

  /**
   * Which one to try next: one at a time, so that a failed attempt is seen at once and the next is ours to choose. Names are looked
   * up at each round; when that fails, for the same reason as the network perhaps, the last addresses have to do. Throws
   * `SESSION_LOST` when there are none.
   */
  async next(): Promise<string> {
    if (this.#untried.length === 0) {
      this.#addresses = await this.#lookUp();
      const first = this.#first % this.#addresses.length;
      this.#untried = [...this.#addresses.slice(first), ...this.#addresses.slice(0, first)];
    }
    const [next = '', ...others] = this.#untried;
    this.#untried = others;
    return next;
  }

  async #lookUp(): Promise<readonly string[]> {
    try {
      return await resolveServers(this.#servers);
    } catch (error) {
      if (this.#addresses.length === 0) throw error;
      return this.#addresses;
    }
  }
}

/**
 * The addresses of the servers as the C client wants them (`10.0.0.1:2181`, `::1:2181`). It would resolve names itself, but
 * blocks the whole process meanwhile. A name that does not resolve is left out; none left: `SESSION_LOST`.
 */
async function resolveServers(servers: readonly Endpoint[]): Promise<readonly string[]> {
  const resolved = await Promise.allSettled(servers.map(resolveServer));
  const addresses = resolved.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  if (addresses.length > 0) return [...new Set(addresses)];
  const names = servers.map(({ host }) => host).join(', ');
  const cause: unknown = resolved.find((one) => one.status === 'rejected')?.reason;
  throw new DcmhaError('SESSION_LOST', `no ZooKeeper server's name can be resolved: ${names}`, { cause });
}

function parseServer(part: string, whole: string): Endpoint {
  try {
    return parseEndpoint(/:\d+$/.test(part) ? part : `${part}:${DEFAULT_PORT}`);
  } catch (cause) {
    const text = `zookeeper.hosts is ${JSON.stringify(whole)}; it must be host:port,host:port`;
    throw new DcmhaError('CONFIG_INVALID', text, { cause });
  }
}

async function resolveServer({ host, port }: Endpoint): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [`${host}:${port}`];
  const addresses = await lookup(host, { all: true });
  return addresses.map(({ address }) => `${address}:${port}`);
}
