import { EMPTY_GTID_SET, parseGtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError, hasCode } from '../../src/core/model/errors.ts';
import { isRegional } from '../../src/core/regional/channel.ts';
import type { RegionalServers } from '../../src/ports/regional.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type {
  ClockOffset,
  CommitProbe,
  FenceCallOptions,
  Fenced,
  Mysql,
  Probe,
  ServerStatus,
  SourceProfile,
} from '../../src/ports/mysql.ts';
import type { EventName, ServerEvents } from '../../src/ports/events.ts';
import type { Drained, ServerSurvey } from '../../src/ports/switchover.ts';
import type { Clock } from '../../src/ports/system.ts';
import { FakeServer, type FakeChannel, type FakeServerOptions } from './fake-mysql-server.ts';

interface Watcher {
  readonly server: Endpoint;
  readonly onLost: (code: string) => void;
  readonly signal: AbortSignal;
}

/** replica_net_timeout of managed replicas: a receiver that hears nothing for this long knows that its source is gone. */
const NET_TIMEOUT_MS = 4000;
const LATENCY_MS = 1;
const POLL_MS = 10;

/**
 * A world of MySQL servers in memory, on an injected clock. Replication happens as time passes and as servers change:
 * what a replica's receiver could reach it has received. `from(host)` is the port as seen by an observer on that host.
 */
export class FakeMysqlWorld {
  readonly clock: Clock;
  readonly #servers = new Map<string, FakeServer>();
  readonly #cut = new Set<string>();
  readonly #watchers = new Set<Watcher>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(options: FakeServerOptions): FakeServer {
    const server = new FakeServer(options);
    this.#servers.set(server.name, server);
    return server;
  }

  /** The server at an endpoint; throws for one that was never added: a test's mistake. */
  server(at: Endpoint): FakeServer {
    const server = this.#servers.get(formatEndpoint(at));
    if (server === undefined) throw new Error(`no fake server at ${formatEndpoint(at)}`);
    return server;
  }

  /** kill -9 of mysqld: connections end and are refused. */
  stop(server: FakeServer): void {
    this.settle();
    server.state = { kind: 'stopped' };
    server.sessions = 0;
    this.settle();
    for (const watcher of this.#watchers) {
      if (sameEndpoint(watcher.server, server.endpoint)) watcher.onLost('PROTOCOL_CONNECTION_LOST');
    }
  }

  /** Starts a stopped server, read-only and with its channels configured but not running. */
  start(server: FakeServer): void {
    server.boot();
    this.settle();
  }

  /** Cuts the network between two hosts, both ways; observers have host names, too. */
  cut(a: string, b: string): void {
    this.settle();
    this.#cut.add(`${a}|${b}`).add(`${b}|${a}`);
  }

  heal(a: string, b: string): void {
    this.#cut.delete(`${a}|${b}`);
    this.#cut.delete(`${b}|${a}`);
    this.settle();
  }

  reaches(from: string, server: FakeServer): boolean {
    return server.state.kind !== 'unreachable' && !this.#cut.has(`${from}|${server.endpoint.host}`);
  }

  /** An application's transaction on a server, received at once by every replica that can. */
  commit(server: FakeServer): void {
    server.commit();
    this.settle();
  }

  /** Brings replication up to the present moment. Call it before looking at a server's fields. */
  settle(): void {
    for (let changed = true; changed;) {
      changed = false;
      for (const replica of this.#servers.values()) changed = this.#replicate(replica) || changed;
    }
  }

  /** The port as seen from a host; `refusedWith`: by an account that every server turns away with this number. */
  from(host: string, options: { readonly refusedWith?: number } = {}): Mysql {
    return new FakeMysql(this, { host, refusedWith: options.refusedWith }, this.#watchers);
  }

  /** Servers of other regions as seen from a host. */
  regional(host: string): RegionalServers {
    const mysql = this.from(host);
    return { probe: ({ endpoint }, options) => mysql.probe(endpoint, options) };
  }

  #replicate(replica: FakeServer): boolean {
    if (!replica.alive) return false;
    const now = this.clock.monotonic();
    const before = replica.executed;
    let received = false;
    for (const channel of replica.channels.values()) {
      received = this.#receive(replica, channel, now) || received;
      if (channel.applierOn) replica.apply(channel, now);
    }
    return received || !replica.executed.equals(before);
  }

  #receive(replica: FakeServer, channel: FakeChannel, now: number): boolean {
    const source = this.#servers.get(formatEndpoint(channel.source));
    const reachable = source?.alive === true && this.reaches(replica.endpoint.host, source);
    if (!reachable && this.#notices(source, now - (channel.lastHeardAt ?? 0))) channel.attached = false;
    if (!reachable || !channel.receiverOn || channel.receiverError !== undefined) return false;
    channel.attached = true;
    channel.lastHeardAt = now;
    const wanted = source.executed.subtract(replica.executed).subtract(channel.retrieved);
    if (wanted.overlaps(source.purged)) {
      channel.receiverError = '1236: the source purged binary logs that the replica needs';
      return true;
    }
    if (wanted.isEmpty()) return false;
    channel.retrieved = channel.retrieved.union(wanted);
    channel.queue.push({ gtids: wanted, applyAt: now + replica.applyDelayMs });
    return true;
  }

  /** A receiver sees a dead process at once, and silence only after its network time-out. */
  #notices(source: FakeServer | undefined, silentMs: number): boolean {
    return source === undefined || source.state.kind === 'stopped' || silentMs > NET_TIMEOUT_MS;
  }
}

interface Observer {
  readonly host: string;
  readonly refusedWith: number | undefined;
}

class FakeMysql implements Mysql {
  readonly #world: FakeMysqlWorld;
  readonly #observer: Observer;
  readonly #watchers: Set<Watcher>;

  constructor(world: FakeMysqlWorld, observer: Observer, watchers: Set<Watcher>) {
    this.#world = world;
    this.#observer = observer;
    this.#watchers = watchers;
  }

  async probe(at: Endpoint, options: CallOptions): Promise<Probe> {
    try {
      return { kind: 'up', status: await this.status(at, options) };
    } catch (error) {
      return failedProbe(error);
    }
  }

  async status(at: Endpoint, options: CallOptions): Promise<ServerStatus> {
    const server = await this.#connect(at, options);
    this.#world.settle();
    return server.status(this.#world.clock.monotonic());
  }

  async clockOffset(at: Endpoint, options: CallOptions): Promise<ClockOffset> {
    await this.#connect(at, options);
    return { aheadMs: 0, roundTripMs: LATENCY_MS };
  }

  async fence(at: Endpoint, options: FenceCallOptions): Promise<Fenced> {
    const server = await this.#connect(at, options);
    server.calls.push('fence');
    server.readOnly = server.superReadOnly = true;
    const killed = options.graceMs === undefined ? server.sessions : 0;
    server.sessions -= killed;
    for (const [name, channel] of server.channels) if (isRegional(name)) channel.applierOn = false;
    return { killed, executed: server.executed.toCompactString() };
  }

  async endSessions(at: Endpoint, options: CallOptions): Promise<number> {
    const server = await this.#connect(at, options);
    server.calls.push('endSessions');
    const killed = server.sessions;
    server.sessions = 0;
    return killed;
  }

  async openWrites(at: Endpoint, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    server.calls.push('openWrites');
    server.readOnly = server.superReadOnly = false;
  }

  async stopReceiver(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    server.calls.push('stopReceiver');
    const channel = server.channels.get(name);
    if (channel !== undefined) channel.receiverOn = channel.attached = false;
  }

  async startReplication(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    server.calls.push('startReplication');
    const channel = server.channels.get(name);
    if (channel === undefined) return;
    channel.receiverOn = channel.applierOn = true;
    channel.receiverError = undefined;
    this.#world.settle();
  }

  async waitExecuted(at: Endpoint, gtids: string, options: CallOptions): Promise<boolean> {
    const { clock } = this.#world;
    const deadline = clock.monotonic() + options.timeoutMs;
    const wanted = parseGtidSet(gtids);
    for (;;) {
      const server = await this.#connect(at, { ...options, timeoutMs: deadline - clock.monotonic() });
      this.#world.settle();
      if (server.executed.contains(wanted)) return true;
      if (clock.monotonic() + POLL_MS > deadline || options.signal?.aborted === true) return false;
      await clock.pause(POLL_MS, options.signal);
    }
  }

  async resetReplication(at: Endpoint, name: string, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    server.calls.push('resetReplication');
    server.channels.delete(name);
  }

  async follow(at: Endpoint, profile: SourceProfile, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    server.calls.push(`follow ${formatEndpoint(profile.source)}`);
    if (profile.regional?.mustBeOpen === true && server.superReadOnly)
      throw new DcmhaError('MYSQL_REJECTED', 'the server is read-only');
    const existing = server.channels.get(profile.channel);
    if (
      existing?.receiverOn === true &&
      existing.applierOn &&
      sameEndpoint(existing.source, profile.source)
    ) {
      return;
    }
    server.channels.set(profile.channel, {
      source: profile.source,
      receiverOn: true,
      applierOn: true,
      attached: false,
      retrieved: EMPTY_GTID_SET,
      queue: [],
      lastHeardAt: undefined,
      receiverError: undefined,
    });
    this.#world.settle();
  }

  async commitProbe(at: Endpoint, options: CallOptions): Promise<CommitProbe> {
    try {
      const server = await this.#connect(at, options);
      if (server.superReadOnly) return { kind: 'read-only' };
      if (server.commitsStall) {
        await this.#world.clock.pause(options.timeoutMs, options.signal);
        return { kind: 'stalled', message: `no commit within ${options.timeoutMs} ms` };
      }
      server.record();
      this.#world.settle();
      return { kind: 'committed', tookMs: LATENCY_MS };
    } catch (error) {
      return failedProbe(error);
    }
  }

  async sessionCount(at: Endpoint, options: CallOptions): Promise<number> {
    return (await this.#connect(at, options)).sessions;
  }

  async survey(at: Endpoint, options: CallOptions): Promise<ServerSurvey> {
    const { logsReplicated, missingGrants, transactions } = await this.#connect(at, options);
    return { logsReplicated, missingGrants, transactions };
  }

  async events(at: Endpoint, options: CallOptions): Promise<ServerEvents> {
    const { scheduler, scheduled } = await this.#connect(at, options);
    const named = (state: 'enabled' | 'asleep') =>
      [...scheduled].flatMap(([name, is]) => (is === state ? [{ schema: 'app', name }] : []));
    return { scheduler, enabled: named('enabled'), asleep: named('asleep') };
  }

  async enableEvent(at: Endpoint, { name }: EventName, options: CallOptions): Promise<void> {
    const server = await this.#connect(at, options);
    if (server.scheduled.has(name)) server.scheduled.set(name, 'enabled');
  }

  async startEventScheduler(at: Endpoint, options: CallOptions): Promise<void> {
    (await this.#connect(at, options)).scheduler = true;
  }

  async lookAtClients(at: Endpoint, options: CallOptions): Promise<void> {
    await this.#connect(at, options);
  }

  async drain(at: Endpoint, options: CallOptions): Promise<Drained> {
    const server = await this.#connect(at, options);
    server.calls.push('drain');
    return { busy: server.transactions.length };
  }

  watchConnection(server: Endpoint, onLost: (code: string) => void, signal: AbortSignal): void {
    const watcher: Watcher = { server, onLost, signal };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', () => this.#watchers.delete(watcher), { once: true });
  }

  async #connect(at: Endpoint, { timeoutMs, signal }: CallOptions): Promise<FakeServer> {
    const { clock } = this.#world;
    const server = this.#world.server(at);
    const silent = !this.#world.reaches(this.#observer.host, server) || server.state.kind === 'hung';
    await clock.pause(silent ? timeoutMs : Math.min(LATENCY_MS, timeoutMs), signal);
    if (silent || signal?.aborted === true) throw unreachable(server, 'ETIMEDOUT');
    const errno = server.state.kind === 'refusing' ? server.state.errno : this.#observer.refusedWith;
    if (server.alive && errno !== undefined) {
      throw new DcmhaError('MYSQL_REFUSED', `${server.name} refuses (${errno})`, { details: { errno } });
    }
    if (server.state.kind !== 'up') throw unreachable(server, 'ECONNREFUSED');
    return server;
  }
}

function unreachable(server: FakeServer, code: string): DcmhaError {
  return new DcmhaError('MYSQL_UNREACHABLE', `cannot connect to ${server.name}: ${code}`, {
    details: { code },
  });
}

function failedProbe(error: unknown): Exclude<Probe, { kind: 'up' }> {
  if (hasCode(error, 'MYSQL_REFUSED')) {
    return { kind: 'refused', errno: Number(error.details['errno']), message: error.message };
  }
  if (hasCode(error, 'MYSQL_UNREACHABLE')) {
    return { kind: 'down', code: String(error.details['code']), message: error.message };
  }
  throw error;
}
