import { EMPTY_GTID_SET } from '../../src/core/gtid/gtid-set.ts';
import { hostId } from '../../src/core/model/endpoint.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import { Random } from '../support/random.ts';
import { asReceived } from './region-filter.ts';
import { SimChannel } from './sim-channel.ts';
import type { SimGround } from './sim-ground.ts';
import { SimServer } from './sim-mysql-server.ts';
import { SimTables } from './sim-tables.ts';
import type { Transaction } from './sim-transaction.ts';

export const REGION = 'eu';
/** Where the region's applications write; those of the group do not. */
export const REGION_TABLE = 3;

const LOOK_MS = 500;
/** Whoever looks after the region waits so long for its primary. */
const PATIENCE_MS = 2000;
const MOVE_MS = 5000;
/** Rows for each that writes, so that what one of them has lost is in nobody's way. */
const ROWS = 12;

export function regionHosts(servers: number): readonly string[] {
  return Array.from({ length: servers }, (_, at) => `10.1.0.${at + 1}`);
}

/** Region eu, which belongs to others: a server that is written to, its replica if there is one, and somebody who looks after both. */
export class SimRegion {
  readonly servers: readonly SimServer[];
  /** Who is written to. */
  primary: SimServer;
  /** What the region has lost by a failover of its own, as a group receives it; a group may have it all the same. */
  readonly lost = new Set<Transaction>();
  writes = 0;
  readonly #ground: SimGround;
  readonly #random: Random;
  #downSince: number | undefined;
  #isMoving = false;
  #isStopped = false;
  #reigns = 0;
  #remade = 0;

  constructor(ground: SimGround, seed: number, count: number) {
    this.#ground = ground;
    this.#random = new Random(seed + 6_000_011);
    this.servers = regionHosts(count).map((host, at) => this.#server(host, 101 + at));
    const [first] = this.servers;
    if (first === undefined) throw new Error('a region has a server');
    this.primary = first;
    first.setReadOnly({ readOnly: false, superReadOnly: false });
    const entries = this.servers.map(({ endpoint: { host, port } }) => [hostId(host), { port, ssl: 0 }]);
    ground.zookeeper.put(znodes.region(REGION), JSON.stringify(Object.fromEntries(entries)));
    ground.zookeeper.put(znodes.addition('g1', REGION), 'None');
    this.#look();
    this.#write();
  }

  server(number: number): SimServer {
    const server = number === 0 ? this.primary : this.servers[number - 1];
    if (server === undefined) throw new Error(`there is no server ${number} in the region`);
    return server;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Another server is written to, when it has all that the first one has. */
  move(): void {
    const from = this.primary;
    const to = this.servers.find((server) => server !== from);
    if (to?.isRunning !== true || !from.isRunning || this.#isMoving) return;
    this.#isMoving = true;
    from.setReadOnly({ readOnly: true, superReadOnly: true });
    const end = this.#ground.clock.now + MOVE_MS;
    const again = (): void => {
      if (to.isRunning && to.executed.contains(from.executed)) this.#promote(to);
      else if (this.#ground.clock.now < end) {
        this.#ground.clock.after(LOOK_MS / 10, again);
        return;
      }
      this.#isMoving = false;
    };
    again();
  }

  #server(host: string, number: number): SimServer {
    const { changed, servers, sources } = this.#ground;
    const applyDelayMs = this.#random.chance(0.2) ? 300 : this.#random.int(1, 20);
    const server = new SimServer({ semiSync: undefined, applyDelayMs, host, number, changed });
    servers.set(server.name, server);
    sources.set(server.name, server);
    return server;
  }

  #look(): void {
    this.#ground.clock.after(LOOK_MS, () => this.#look());
    if (this.#isMoving) return;
    this.#keepPrimary();
    for (const server of this.servers)
      if (server !== this.primary && server.isRunning) this.#keepReplica(server);
  }

  #keepPrimary(): void {
    const { now } = this.#ground.clock;
    if (this.primary.isRunning) {
      this.#downSince = undefined;
      if (this.primary.readOnly) this.primary.setReadOnly({ readOnly: false, superReadOnly: false });
      return;
    }
    this.#downSince ??= now;
    const heir = this.servers.find((server) => server !== this.primary && hasApplied(server));
    if (heir === undefined || now - this.#downSince < PATIENCE_MS) return;
    // It must not go on when it comes to itself.
    this.primary.crash();
    this.#promote(heir);
  }

  #promote(heir: SimServer): void {
    const before = this.primary;
    const lost = [...before.history].filter((transaction) => !heir.history.has(transaction));
    for (const transaction of lost) this.lost.add(asReceived(transaction));
    this.#ground.note(`region ${REGION} is written to at ${heir.name}; ${lost.length} transactions are lost`);
    heir.channels.get('')?.end();
    heir.channels.clear();
    heir.setReadOnly({ readOnly: false, superReadOnly: false });
    this.primary = heir;
    this.#reigns += 1;
    this.#downSince = undefined;
  }

  #keepReplica(server: SimServer): void {
    const { primary } = this;
    if (!primary.isRunning) return;
    if ([...server.history].some((transaction) => !primary.history.has(transaction))) this.#remake(server);
    const channel = server.channels.get('');
    if (channel?.source.host === primary.host && channel.receiverOn && channel.applierOn) return;
    channel?.end();
    const another = new SimChannel(this.#ground, server, { name: '', source: primary.endpoint });
    server.channels.set('', another);
    another.start();
  }

  /** It has what the region has lost. A copy takes its place, under another UUID, or it would give lost names again some day. */
  #remake(server: SimServer): void {
    this.#ground.note(`${server.name} of region ${REGION} is made anew`);
    this.#remade += 1;
    server.channels.get('')?.end();
    server.channels.clear();
    server.crash();
    server.uuid = `00000000-0000-0000-0001-${String(server.number * 100 + this.#remade).padStart(12, '0')}`;
    server.tables = new SimTables();
    server.history = new Set();
    server.beginLog(EMPTY_GTID_SET);
    for (const transaction of this.primary.transactions) server.apply(transaction);
    server.boot(this.#ground.clock.now);
  }

  #write(): void {
    this.#ground.clock.after(this.#random.int(150, 700), () => {
      if (this.#isStopped) return;
      if (this.primary.isWritable) {
        const table = this.#random.chance(0.15) ? 0 : REGION_TABLE;
        const id = table === 0 ? 1 : (this.#reigns % 80) * ROWS + this.#random.int(1, ROWS);
        const change = this.#ground.change(this.primary, table, id, table !== 0 && this.#random.chance(0.25));
        this.primary.commit([change], () => (this.writes += 1));
      }
      this.#write();
    });
  }
}

/** All that it received: then it may take over. */
function hasApplied(server: SimServer): boolean {
  const channel = server.channels.get('');
  return server.isRunning && channel !== undefined && server.executed.contains(channel.retrieved);
}
