import { handlePeer } from '../../src/core/peer/api.ts';
import { agentApi } from '../../src/core/peer/agent-api.ts';
import { routerApi } from '../../src/core/peer/router-api.ts';
import { callPeer } from '../../src/core/peer/api.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import { runRouter } from '../../src/roles/router/router.ts';
import type { LeasePort } from '../../src/ports/proxy.ts';
import { FakeZookeeper, type FakeCoordination } from './fake-coordination.ts';
import { FakePeerNetwork } from './fake-peers.ts';
import { FakeHaproxy, FakeProxy } from './fake-proxy.ts';
import { recordingLog } from './test-log.ts';
import { VirtualClock } from './virtual-clock.ts';
import { usualReads } from './usual-policies.ts';

const CONTROL = { host: '10.0.9.1', port: 7072 };
export const ROUTER = '10.0.9.1:7072';
export const SESSION_MS = 6000;

interface Ack {
  readonly version: number;
  readonly write: string;
  readonly oldSessions: number;
}

/** A router of two groups on fakes: g1 at 10.0.1.1-3, g2 at 10.0.2.1-3, the first of each primary. */
export class RouterStage {
  readonly clock = new VirtualClock();
  readonly zookeeper = new FakeZookeeper(() => this.clock.now());
  readonly peers = new FakePeerNetwork(this.clock);
  readonly haproxies = new Map<string, FakeHaproxy>();
  readonly proxies = new Map<string, FakeProxy>();
  readonly log = recordingLog();
  /** Hosts whose agents refuse to accept the primary. */
  readonly refusing = new Set<string>();
  readonly accepted: string[] = [];
  /** Where the router was told to be. */
  dc = '';
  coordination!: FakeCoordination;
  isOpen: (group: string) => boolean = () => false;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor() {
    for (const n of [1, 2]) {
      const hosts = [1, 2, 3].map((i) => `10.0.${n}.${i}`);
      for (const host of hosts) {
        this.zookeeper.put(`/meta/host/${host.replaceAll('.', '-')}`, `{'group': 'g${n}', 'port': 3306}`);
        void this.peers.listen({ host, port: 7071 }, this.#agent(host));
      }
      this.zookeeper.put(`/meta/group/g${n}`, hosts.map((host) => host.replaceAll('.', '-')).join(','));
      this.zookeeper.put(`/master/g${n}`, hosts[0]!.replaceAll('.', '-'));
      this.publish(`g${n}`, `${hosts[0]}:3306`, `${hosts[1]}:3306`);
      this.haproxies.set(`g${n}`, new FakeHaproxy());
    }
    this.zookeeper.put('/route-ack', '');
  }

  publish(group: string, write: string, ...read: readonly string[]): void {
    this.zookeeper.put(`/haproxy/${group}`, JSON.stringify({ read, write }));
  }

  start(groups: readonly string[] = ['g1', 'g2']): void {
    this.coordination = this.zookeeper.connect({ sessionTimeoutMs: SESSION_MS });
    this.#stop = new AbortController();
    const leasePort: LeasePort = {
      listen: (_port, isOpen) => {
        this.isOpen = isOpen;
        return Promise.resolve({
          [Symbol.asyncDispose]: () => {
            this.isOpen = () => false;
            return Promise.resolve();
          },
        });
      },
    };
    const { clock, log, peers, coordination } = this;
    this.#running = runRouter(
      {
        coordination,
        clock,
        log,
        leasePort,
        listener: peers,
        caller: peers.from(CONTROL.host),
        proxyOf: (group) => this.#proxy(group),
      },
      {
        control: CONTROL,
        groups,
        leasePort: 7073,
        defaultAgentPort: 7071,
        reads: { ...usualReads, dc: this.dc },
      },
      this.#stop.signal,
    );
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.clock.runThrough(this.#running);
  }

  ack(group: string): Ack | undefined {
    const node = this.zookeeper.node(`/route-ack/${group}/${ROUTER}`);
    return node === undefined ? undefined : (JSON.parse(node.data.toString('utf8')) as Ack);
  }

  /** The write side in force, and whether HAProxy is told that it may be open. */
  inForce(group: string): string {
    const { pid, inForce } = this.haproxies.get(group)!;
    const write = inForce.write === undefined ? '' : `${inForce.write.host}:${inForce.write.port}`;
    return pid === undefined ? 'down' : `${write} ${this.isOpen(group) ? 'open' : 'closed'}`.trim();
  }

  /** How each read server of a group is used: its weight, and `backup`. */
  readers(group: string): Readonly<Record<string, string>> {
    const readers: Record<string, string> = {};
    for (const [server, { weight = '-', backup }] of this.proxies.get(group)?.placement ?? [])
      readers[server.replace(':3306', '')] = `${weight}${backup === true ? ' backup' : ''}`;
    return readers;
  }

  async settle(ms = 50): Promise<void> {
    await this.clock.runFor(ms);
  }

  call<M extends keyof typeof routerApi>(method: M, params: never) {
    return this.clock.runThrough(
      callPeer(this.peers.from('10.0.0.9'), routerApi, CONTROL, { method, params, timeoutMs: 1000 }),
    );
  }

  #proxy(group: string): FakeProxy {
    const haproxy = this.haproxies.get(group);
    if (haproxy === undefined) throw new DcmhaError('CONFIG_INVALID', `no haproxy for ${group}`);
    const proxy = new FakeProxy(haproxy);
    this.proxies.set(group, proxy);
    return proxy;
  }

  /** Of an agent only what a router asks. */
  #agent(host: string) {
    return handlePeer(
      { acceptPrimary: agentApi.acceptPrimary },
      {
        acceptPrimary: ({ group, epoch, primary }) => {
          if (this.refusing.has(host))
            return Promise.reject(new DcmhaError('PEER_REFUSED', 'promoted already'));
          this.accepted.push(`${host} accepts ${primary} of ${group} epoch ${epoch}`);
          return Promise.resolve({ accepted: true as const });
        },
      },
    );
  }
}
