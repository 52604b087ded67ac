import { EMPTY_GTID_SET, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { skeleton, znodes } from '../../src/core/store/znodes.ts';
import { Random } from '../support/random.ts';
import { SimClient } from './sim-client.ts';
import { simCoordinator } from './sim-coordinator.ts';
import type { Daemon } from './sim-daemon.ts';
import { SimGround, type Tamper } from './sim-ground.ts';
import { SimMember } from './sim-member.ts';
import { SimOperator } from './sim-operator.ts';
import { SimRegion } from './sim-region.ts';
import { SimRouter } from './sim-router.ts';
import { noSemiSync } from '../support/usual-policies.ts';
import type { Transaction } from './sim-transaction.ts';

/** How a world is made; the same for every run of a seed, whatever its faults. */
export interface WorldShape {
  readonly members: number;
  readonly routers: number;
  /** `always`: switched on by the operator everywhere. `required`: managed, by `semiSync.mode`. */
  readonly semiSync: 'none' | 'always' | 'required';
  readonly catchUp: 'always' | 'never';
  readonly replicationDelayMs: number;
  /** `agent.startMysqld` is set. */
  readonly agentStarts: boolean;
  readonly sessionTimeoutMs: number;
  readonly cooldownMs: number;
  readonly applyDelaysMs: readonly number[];
  /** Of another region, which the group receives from; 0: it receives from none. */
  readonly regionServers: number;
}

export function shapeOf(seed: number): WorldShape {
  const random = new Random(seed * 7 + 1);
  // What was thought of later is drawn apart, so that the rest of a world stays what it was.
  const later = new Random(seed + 2_000_003);
  const region = new Random(seed + 5_000_011);
  const isRequired = later.chance(0.15);
  const members = random.int(3, 5);
  return {
    members,
    routers: random.int(1, 2),
    semiSync: random.chance(0.5) ? (isRequired ? 'required' : 'always') : isRequired ? 'required' : 'none',
    catchUp: later.chance(0.25) ? 'never' : 'always',
    replicationDelayMs: later.chance(0.2) ? later.int(20, 300) : 0,
    agentStarts: later.chance(0.2),
    sessionTimeoutMs: random.pick([3000, 6000]),
    cooldownMs: random.pick([5000, 600_000]),
    applyDelaysMs: Array.from({ length: members }, () => (random.chance(0.2) ? 400 : random.int(1, 20))),
    regionServers: region.chance(0.25) ? region.pick([1, 2, 2]) : 0,
  };
}

export function describeShape(shape: WorldShape): string {
  const { members, routers, sessionTimeoutMs, semiSync, catchUp, replicationDelayMs, agentStarts } = shape;
  const { regionServers } = shape;
  return [
    `${members} members, ${routers} routers, session ${sessionTimeoutMs} ms`,
    `semi-sync ${semiSync}, catch-up ${catchUp}, replication takes ${replicationDelayMs} ms more`,
    `mysqld is started by ${agentStarts ? 'the agent, too' : 'others'}`,
    ...(regionServers === 0 ? [] : [`it receives from a region with ${regionServers} servers`]),
  ].join(', ');
}

/** A group with everything around it: members with agents, routers, two coordinators, ZooKeeper, applications, an operator. */
export class World {
  readonly ground: SimGround;
  readonly shape: WorldShape;
  readonly members: readonly SimMember[];
  readonly routers: readonly SimRouter[];
  readonly coordinators: readonly Daemon[];
  readonly operator: SimOperator;
  readonly region: SimRegion | undefined;
  readonly #clients: SimClient[] = [];
  /** What applications were told is committed. */
  acknowledged: GtidSet = EMPTY_GTID_SET;
  readonly acknowledgedWrites: Transaction[] = [];
  /** How many writes applications were told of. */
  writes = 0;
  /** How many came to nothing. */
  failures = 0;

  constructor(
    seed: number,
    options: {
      readonly tamper: Tamper;
      readonly trace: ((line: string) => void) | undefined;
      /** Instead of the seed's own. */
      readonly shape?: Partial<WorldShape> | undefined;
    },
  ) {
    const shape = { ...shapeOf(seed), ...options.shape };
    this.shape = shape;
    const {
      sessionTimeoutMs,
      replicationDelayMs,
      semiSync,
      agentStarts,
      catchUp,
      cooldownMs,
      regionServers,
    } = shape;
    const ground = new SimGround({ ...options, seed, sessionTimeoutMs, replicationDelayMs });
    this.ground = ground;
    for (const path of ['', ...skeleton]) ground.zookeeper.put(path, '');
    const hasRegion = regionServers > 0;
    this.region = hasRegion ? new SimRegion(ground, seed, regionServers) : undefined;
    this.members = shape.applyDelaysMs.map(
      (applyDelayMs, at) => new SimMember(ground, at + 1, { semiSync, applyDelayMs, agentStarts, hasRegion }),
    );
    this.routers = Array.from({ length: shape.routers }, (_, at) => new SimRouter(ground, at + 1));
    const mode = semiSync === 'required' ? 'required' : 'off';
    const policy = { cooldownMs, stalledMs: 5000, catchUp, semiSync: { ...noSemiSync, mode } } as const;
    this.coordinators = [1, 2].map((number) => simCoordinator(ground, number, { policy, hasRegion }));
    this.operator = new SimOperator(ground);
    this.#writeMetadata();
    for (const { agent } of this.members) agent.start();
    for (const { daemon } of this.routers) daemon.start();
    for (const coordinator of this.coordinators) coordinator.start();
    this.#startClients(seed);
  }

  member(number: number): SimMember {
    const member = this.members[number - 1];
    if (member === undefined) throw new Error(`there is no member ${number}`);
    return member;
  }

  /** The recorded primary. */
  primary(): SimMember | undefined {
    const id = this.ground.zookeeper.tree.get(znodes.master('g1'))?.data.toString('utf8');
    return this.members.find((member) => member.id === id);
  }

  epoch(): number {
    return this.ground.zookeeper.tree.get(znodes.master('g1'))?.version ?? -1;
  }

  stopClients(): void {
    for (const client of this.#clients) client.stop();
    this.region?.stop();
  }

  #writeMetadata(): void {
    const { zookeeper } = this.ground;
    const endpoints = this.members.map(({ server }) => server.name);
    for (const { id } of this.members)
      zookeeper.put(znodes.host(id), JSON.stringify({ group: 'g1', port: 3306 }));
    zookeeper.put(znodes.group('g1'), this.members.map(({ id }) => id).join(','));
    zookeeper.put(znodes.routers('g1'), this.routers.map(({ host }) => `${host}:7072`).join(','));
    zookeeper.put(znodes.master('g1'), this.member(1).id);
    zookeeper.put(znodes.route('g1'), JSON.stringify({ read: endpoints.slice(1), write: endpoints[0] }));
  }

  #startClients(seed: number): void {
    const { ground } = this;
    const haproxies = this.routers.map(({ haproxy }) => haproxy);
    const acknowledged = (transaction: Transaction): void => {
      this.acknowledged = this.acknowledged.add(transaction.gtid);
      this.acknowledgedWrites.push(transaction);
      this.writes += 1;
    };
    const world = {
      clock: ground.clock,
      network: ground.network,
      servers: ground.servers,
      change: ground.change,
      haproxies,
      acknowledged,
      failed: (): void => void (this.failures += 1),
    };
    for (let number = 1; number <= 3; number += 1)
      this.#clients.push(new SimClient(world, seed * 3 + number));
  }
}
