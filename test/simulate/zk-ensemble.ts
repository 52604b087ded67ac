import { DcmhaError } from '../../src/core/model/errors.ts';
import type { EventClock } from './event-clock.ts';
import type { Network } from './network.ts';
import { Pipe } from './pipe.ts';
import { ZkConnection, type ConnectionEvents } from './zk-connection.ts';
import { ZkServer, type Reply, type ZkLeader } from './zk-server.ts';
import { parentOf, Tree, type Change, type WriteRequest } from './zk-tree.ts';

interface Session {
  /** The connection that it is on now: requests that come over an older one are refused. */
  connection: ZkConnection;
  expiresAt: number;
}

/** Until a new leader is there, ms. */
const ELECTION_MS = 700;
/** A follower that hears nothing from its leader for so long serves nobody, ms. */
const SYNC_LIMIT_MS = 2000;
const FIRST_EPOCH_MS = Date.UTC(2026, 0, 1);

/**
 * A ZooKeeper ensemble: one leader, followers that are behind, sessions that end when the leader has not heard of them for the session
 * timeout. It hears of them with the pings that it sends to its servers each half a tick, a tick being a third of the session timeout:
 * the longest that the lease rule allows for.
 */
export class ZkEnsemble implements ZkLeader {
  readonly servers: readonly ZkServer[];
  readonly sessionTimeoutMs: number;
  zxid = 0;
  /** Told of each session that the leader ends. */
  onExpired: (session: string) => void = () => undefined;
  /** Told of each node that a commit changes. */
  onChange: (path: string) => void = () => undefined;
  readonly #clock: EventClock;
  readonly #network: Network;
  readonly #tree = new Tree();
  readonly #paths = new Set<string>();
  readonly #sessions = new Map<string, Session>();
  readonly #silentSince = new Map<ZkServer, number>();
  /** From each server to the leader: what a short cut keeps arrives after it, in its order. */
  readonly #wires = new Map<ZkServer, Pipe>();
  #leader: ZkServer | undefined;
  #made = 0;

  constructor(
    wires: { readonly clock: EventClock; readonly network: Network },
    options: { readonly hosts: readonly string[]; readonly sessionTimeoutMs: number },
  ) {
    const { clock, network } = wires;
    this.#clock = clock;
    this.#network = network;
    this.sessionTimeoutMs = options.sessionTimeoutMs;
    this.servers = options.hosts.map((host) => new ZkServer(host, clock, network));
    this.#leader = this.servers[0];
    this.#tick();
  }

  /** As the leader has it: the truth, for checks and for operators at the leader itself. */
  get tree(): Tree {
    return this.#tree;
  }

  /** An operator's own write, which nothing delays. Makes missing parents. */
  put(path: string, data: string): void {
    const parent = parentOf(path);
    if (path !== '' && this.#tree.get(parent) === undefined) this.put(parent, '');
    const op = this.#tree.get(path) === undefined ? 'create' : 'write';
    const request: WriteRequest =
      op === 'create' ? { op, path, data, mode: 'persistent' } : { op, path, data, version: undefined };
    this.#commit(this.#tree.effectOf(request, '', this.#wall()).changes);
  }

  remove(path: string): void {
    this.#commit(this.#tree.effectOf({ op: 'remove', path, version: undefined }, '', this.#wall()).changes);
  }

  /** A client connects to one of the servers, with a session to resume or for a new one. */
  connect(from: string, to: ZkServer, resume: string | undefined, events: ConnectionEvents): ZkConnection {
    const wires = { clock: this.#clock, network: this.#network, from };
    const connection = new ZkConnection(wires, { server: to, leader: this, events });
    connection.open(() => {
      if (to.isUp && to.isServing) this.forward(to, () => this.#admit(connection, resume));
      else connection.closeByServer();
    });
    return connection;
  }

  forward(from: ZkServer, work: () => void): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    if (from === leader) {
      work();
      return;
    }
    let wire = this.#wires.get(from);
    if (wire === undefined) {
      wire = new Pipe(this.#clock, this.#network, { from: from.host, to: leader.host });
      this.#wires.set(from, wire);
    }
    wire.send(() => {
      if (this.#leader === leader && leader.isUp) work();
    });
  }

  execute(connection: ZkConnection, request: WriteRequest): { readonly zxid: number; readonly reply: Reply } {
    const id = connection.session;
    const session = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || session?.connection !== connection) {
      return {
        zxid: 0,
        reply: { ok: false, error: new DcmhaError('SESSION_LOST', `${request.op}: the session is over`) },
      };
    }
    try {
      const { changes, value } = this.#tree.effectOf(request, id, this.#wall());
      this.#commit(changes);
      return { zxid: this.zxid, reply: { ok: true, value } };
    } catch (thrown) {
      if (!(thrown instanceof DcmhaError)) throw thrown;
      return { zxid: this.zxid, reply: { ok: false, error: thrown } };
    }
  }

  /** A server's process ends, or is there again. */
  setUp(server: ZkServer, up: boolean): void {
    if (server.isUp === up) return;
    server.isUp = up;
    if (!up) {
      this.#unwire(server);
      server.disconnectAll();
      if (this.#leader === server) this.#depose();
    } else this.#synchronize(server);
    if (this.#leader === undefined) this.#elect();
  }

  /** An administrator, or the ensemble, ends a session now. */
  expire(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#commit(this.#tree.withoutSession(id));
    this.onExpired(id);
    session.connection.closeByServer();
  }

  #admit(connection: ZkConnection, resume: string | undefined): void {
    const expiresAt = this.#clock.now + this.sessionTimeoutMs;
    const known = resume === undefined ? undefined : this.#sessions.get(resume);
    if (resume !== undefined && known === undefined) {
      this.#answer(connection, undefined);
      return;
    }
    const id = resume ?? `session-${++this.#made}`;
    if (known === undefined) {
      this.#sessions.set(id, { connection, expiresAt });
      this.#watch(id);
    } else {
      if (known.connection !== connection) known.connection.closeByServer();
      known.connection = connection;
      known.expiresAt = expiresAt;
    }
    connection.session = id;
    this.#answer(connection, id);
  }

  #answer(connection: ZkConnection, id: string | undefined): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    const back =
      connection.server === leader ? 0 : this.#network.latency(leader.host, connection.server.host);
    this.#clock.after(back, () => connection.opened(id));
  }

  #watch(id: string): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#clock.after(session.expiresAt - this.#clock.now, () => {
      const now = this.#sessions.get(id);
      if (now === undefined) return;
      if (this.#leader !== undefined && now.expiresAt <= this.#clock.now) this.expire(id);
      else if (this.#leader === undefined) {
        // Nobody counts the time while there is no leader; the next one begins anew.
        now.expiresAt = this.#clock.now + this.sessionTimeoutMs;
        this.#watch(id);
      } else this.#watch(id);
    });
  }

  #commit(changes: readonly Change[]): void {
    this.zxid += 1;
    this.#tree.apply(changes);
    for (const { path, event } of changes) {
      this.#paths.add(path);
      if (event !== undefined) this.onChange(path);
    }
    const from = this.#leader?.host ?? '';
    for (const server of this.servers) {
      if (!server.isUp || !server.isServing || this.#silentSince.has(server)) continue;
      if (this.#network.passes(from, server.host)) server.receive(from, this.zxid, changes);
      else this.#silentSince.set(server, this.#clock.now);
    }
  }

  /** Each half a tick the leader pings its servers, and hears whom they have heard. */
  #tick(): void {
    const leader = this.#leader;
    for (const server of this.servers) {
      if (leader === undefined || !server.isUp) continue;
      if (this.#network.passesBoth(leader.host, server.host)) this.#heardFrom(server);
      else this.#missed(server);
    }
    this.#clock.after(this.sessionTimeoutMs / 6, () => this.#tick());
  }

  #heardFrom(server: ZkServer): void {
    for (const id of server.heard) {
      const session = this.#sessions.get(id);
      if (session !== undefined) session.expiresAt = this.#clock.now + this.sessionTimeoutMs;
    }
    server.heard.clear();
    if (this.#silentSince.delete(server)) this.#synchronize(server);
  }

  #missed(server: ZkServer): void {
    const since = this.#silentSince.get(server) ?? this.#clock.now;
    this.#silentSince.set(server, since);
    if (this.#clock.now - since < SYNC_LIMIT_MS || !server.isServing) return;
    server.isServing = false;
    this.#unwire(server);
    server.disconnectAll();
    const following = this.servers.filter(({ isUp, isServing }) => isUp && isServing);
    if (following.length * 2 <= this.servers.length) this.#depose();
  }

  /** Everything that it missed, at once. */
  #synchronize(server: ZkServer): void {
    if (this.#leader === undefined && !this.#hasQuorum()) return;
    const changes: Change[] = [];
    for (const path of this.#paths) {
      const [node, before] = [this.#tree.get(path), server.tree.get(path)];
      if (node === before) continue;
      const event = node === undefined || before === undefined ? 'existence' : 'data';
      changes.push({ path, node, event });
    }
    server.catchUp(this.zxid, changes);
    server.isServing = this.#leader !== undefined;
  }

  #unwire(server: ZkServer): void {
    this.#wires.get(server)?.break();
    this.#wires.delete(server);
  }

  #hasQuorum(): boolean {
    return this.servers.filter(({ isUp }) => isUp).length * 2 > this.servers.length;
  }

  /** Without a leader, nobody is served. */
  #depose(): void {
    this.#leader = undefined;
    for (const server of this.servers) {
      server.isServing = false;
      this.#unwire(server);
      server.disconnectAll();
    }
    this.#elect();
  }

  #elect(): void {
    this.#clock.after(ELECTION_MS, () => {
      if (this.#leader !== undefined) return;
      const up = this.servers.filter(({ isUp }) => isUp);
      const chosen = up.find(
        (one) =>
          up.filter((other) => this.#network.passesBoth(one.host, other.host)).length * 2 >
          this.servers.length,
      );
      if (chosen === undefined) {
        this.#elect();
        return;
      }
      this.#leader = chosen;
      this.#silentSince.clear();
      for (const server of up) this.#synchronize(server);
      for (const session of this.#sessions.values())
        session.expiresAt = this.#clock.now + this.sessionTimeoutMs;
    });
  }

  #wall(): number {
    return FIRST_EPOCH_MS + this.#clock.now;
  }
}
