import type { OpenTransaction } from '../../src/ports/switchover.ts';
import type { Gtid } from '../../src/core/gtid/gtid.ts';
import { parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { formatEndpoint, type Endpoint } from '../../src/core/model/endpoint.ts';
import { DcmhaError } from '../../src/core/model/errors.ts';
import type { ChannelStatus, ServerStatus } from '../../src/ports/mysql.ts';

/**
 * up: answers. stopped: the process is gone, connections are refused. unreachable: the host is gone, connections time out.
 * hung: accepts connections and never answers. refusing: alive, says no (1040, 1045...).
 */
export type FakeServerState =
  | { readonly kind: 'up' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'hung' }
  | { readonly kind: 'refusing'; readonly errno: number };

export interface FakeServerOptions {
  readonly endpoint: Endpoint;
  readonly serverId: number;
  readonly uuid?: string | undefined;
  readonly version?: string | undefined;
  readonly executed?: string | undefined;
  readonly purged?: string | undefined;
  /** Default true, as dcmha's servers boot. */
  readonly readOnly?: boolean | undefined;
  /** How long a received transaction waits before it is applied, ms. */
  readonly applyDelayMs?: number | undefined;
}

export interface FakeChannel {
  source: Endpoint;
  receiverOn: boolean;
  applierOn: boolean;
  attached: boolean;
  retrieved: GtidSet;
  queue: { readonly gtids: GtidSet; readonly applyAt: number }[];
  lastHeardAt: number | undefined;
  receiverError: string | undefined;
}

/** One MySQL server as far as dcmha sees it: its GTIDs, channels, read-only flags and sessions. Tests set its fields directly. */
export class FakeServer {
  readonly endpoint: Endpoint;
  readonly serverId: number;
  readonly uuid: string;
  version: string;
  executed: GtidSet;
  purged: GtidSet;
  readOnly: boolean;
  superReadOnly: boolean;
  gtidMode = 'ON';
  /** How often it was started again: each time it is another process. */
  boots = 0;
  applyDelayMs: number;
  /** Client sessions that `fence` would kill. */
  sessions = 0;
  /** Commits hang (full disk, dead storage, semi-sync) though the server answers. */
  commitsStall = false;
  logsReplicated = true;
  scheduler = false;
  /** Scheduled events of the schema app. */
  readonly scheduled = new Map<string, 'enabled' | 'asleep' | 'disabled'>();
  missingGrants: readonly string[] = [];
  /** Clients' open ones. */
  transactions: readonly OpenTransaction[] = [];
  readonly channels = new Map<string, FakeChannel>();
  /** What was done to it, in order, for assertions: `fence`, `follow 127.0.0.2:3306`... */
  readonly calls: string[] = [];
  state: FakeServerState = { kind: 'up' };

  constructor(options: FakeServerOptions) {
    this.endpoint = options.endpoint;
    this.serverId = options.serverId;
    this.uuid = options.uuid ?? `00000000-0000-0000-0000-${String(options.serverId).padStart(12, '0')}`;
    this.version = options.version ?? '9.7.4';
    this.executed = parseGtidSet(options.executed ?? '');
    this.purged = parseGtidSet(options.purged ?? '');
    this.superReadOnly = this.readOnly = options.readOnly ?? true;
    this.applyDelayMs = options.applyDelayMs ?? 0;
  }

  get name(): string {
    return formatEndpoint(this.endpoint);
  }

  /** The process runs and answers on the network, though it may refuse us. */
  get alive(): boolean {
    return this.state.kind === 'up' || this.state.kind === 'refusing';
  }

  /** An application's transaction. Throws as the server would: read-only, or nobody answers. */
  commit(): Gtid {
    if (this.state.kind !== 'up') {
      throw new DcmhaError('MYSQL_UNREACHABLE', `${this.name} is ${this.state.kind}`);
    }
    if (this.readOnly || this.superReadOnly) {
      throw new DcmhaError('MYSQL_REJECTED', `${this.name} is read-only`, { details: { errno: 1290 } });
    }
    if (this.commitsStall) throw new DcmhaError('TIMED_OUT', `${this.name} cannot commit`);
    return this.record();
  }

  /** The next transaction of its own, whatever the flags say: also for errant ones. */
  record(): Gtid {
    let number = 1n;
    for (const { intervals } of this.executed.ofUuid(this.uuid).sources()) {
      number = (intervals.at(-1)?.end ?? 0n) + 1n;
    }
    const gtid: Gtid = { uuid: this.uuid, tag: '', number };
    this.executed = this.executed.add(gtid);
    return gtid;
  }

  /** Applies what a channel has received and whose delay is over. */
  apply(channel: FakeChannel, now: number): void {
    for (const { gtids } of channel.queue.filter(({ applyAt }) => applyAt <= now)) {
      this.executed = this.executed.union(gtids);
    }
    channel.queue = channel.queue.filter(({ applyAt }) => applyAt > now);
  }

  /** The process starts again as dcmha's servers do: read-only, replication configured but not running. */
  boot(): void {
    this.state = { kind: 'up' };
    this.boots += 1;
    this.superReadOnly = this.readOnly = true;
    this.sessions = 0;
    this.commitsStall = false;
    for (const channel of this.channels.values()) {
      channel.receiverOn = channel.applierOn = channel.attached = false;
    }
  }

  status(now: number): ServerStatus {
    return {
      serverUuid: this.uuid,
      serverId: this.serverId,
      version: this.version,
      readOnly: this.readOnly,
      superReadOnly: this.superReadOnly,
      gtidMode: this.gtidMode,
      executed: this.executed.toCompactString(),
      purged: this.purged.toCompactString(),
      channels: [...this.channels].map(([name, channel]) => channelStatus(name, channel, now)),
    };
  }
}

function channelStatus(name: string, channel: FakeChannel, now: number): ChannelStatus {
  const running = channel.receiverOn && channel.receiverError === undefined;
  return {
    name,
    source: channel.source,
    receiver: running ? (channel.attached ? 'on' : 'connecting') : 'off',
    applier: channel.applierOn ? 'on' : 'off',
    retrieved: channel.retrieved.toCompactString(),
    lagSeconds: channel.applierOn && channel.attached ? (channel.queue.length === 0 ? 0 : 1) : undefined,
    receiverError: channel.receiverError,
    applierError: undefined,
    lastHeardMs: channel.lastHeardAt === undefined ? undefined : now - channel.lastHeardAt,
  };
}
