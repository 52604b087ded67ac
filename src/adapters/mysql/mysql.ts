import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { hasCode } from '../../core/model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type {
  ClockOffset,
  CommitProbe,
  Fenced,
  FenceCallOptions,
  Mysql,
  Probe,
  ServerStatus,
  SourceProfile,
} from '../../ports/mysql.ts';
import type { EventName, ServerEvents } from '../../ports/events.ts';
import type { Drained, ServerSurvey } from '../../ports/switchover.ts';
import type { Log } from '../../ports/system.ts';
import { Deadline } from '../system/deadline.ts';
import { measureClock } from './clock-offset.ts';
import { CommitProber } from './commit-probe.ts';
import { watchConnection } from './connection-watch.ts';
import { dialectOf } from './dialect.ts';
import { Drainer } from './drainer.ts';
import { enableEvent, readEvents } from './events.ts';
import { fenceServer } from './fence.ts';
import { probeServer } from './probe.ts';
import { followRegion, type RegionalLogin } from './regional-channel.ts';
import {
  follow,
  resetReplication,
  startReplication,
  stopReceiver,
  type ReplicationLogin,
} from './replication.ts';
import { readStatus } from './server-status.ts';
import { SessionPool } from './session-pool.ts';
import type { Session } from './session.ts';
import { surveyServer } from './survey.ts';
import { killWriters, listWriters } from './writers.ts';

export interface MysqlSettings {
  /** The management account, the same on every server. */
  readonly account: { readonly user: string; readonly password: string };
  /** undefined: no TLS. `ca` is the certificate's text; without it the server's certificate is not checked. */
  readonly ssl?: { readonly ca: string | undefined } | undefined;
  /** Deadline of one connection attempt, handshake included; a call's own deadline may be shorter. */
  readonly connectTimeoutMs: number;
  readonly replication: ReplicationLogin;
  /** How channels from other regions log in; as the others when it is not said. */
  readonly regional?: RegionalLogin | undefined;
  /** The local socket of a server, where the caller is on its host. */
  readonly socketOf?: ((server: Endpoint) => string | undefined) | undefined;
  readonly log: Log;
}

/** The `Mysql` port over mysql2. Holds a few connections per server until disposed. */
export function createMysql(settings: MysqlSettings): Mysql & AsyncDisposable {
  return new MysqlServers(settings);
}

const noTls = { caFile: undefined, certFile: undefined, keyFile: undefined };

class MysqlServers implements Mysql, AsyncDisposable {
  readonly #settings: MysqlSettings;
  readonly #pool: SessionPool;
  readonly #commits: CommitProber;
  readonly #closing = new AbortController();
  readonly #ownUsers: readonly string[];
  readonly #drainer: Drainer;

  constructor(settings: MysqlSettings) {
    const { account, replication, regional, ssl, socketOf } = settings;
    this.#settings = settings;
    this.#ownUsers = [account.user, replication.user, ...(regional === undefined ? [] : [regional.user])];
    this.#pool = new SessionPool(
      {
        ...account,
        ssl,
        socketOf: socketOf ?? (() => undefined),
        secrets: [
          account.password,
          replication.password,
          ...(regional === undefined ? [] : [regional.password]),
        ],
      },
      settings.connectTimeoutMs,
    );
    this.#commits = new CommitProber(this.#pool);
    this.#drainer = new Drainer(this.#pool, this.#ownUsers, settings.log);
  }

  probe(server: Endpoint, options: CallOptions): Promise<Probe> {
    return probeServer(this.#pool, server, new Deadline(options));
  }

  status(server: Endpoint, options: CallOptions): Promise<ServerStatus> {
    return this.#pool.within(server, options, readStatus);
  }

  clockOffset(server: Endpoint, options: CallOptions): Promise<ClockOffset> {
    return this.#pool.within(server, options, measureClock);
  }

  async fence(server: Endpoint, options: FenceCallOptions): Promise<Fenced> {
    const { killed, executed, spared, released, applying } = await this.#pool.within(
      server,
      options,
      (session, deadline) =>
        fenceServer(
          session,
          {
            ownUsers: this.#ownUsers,
            connect: () => this.#pool.connect(server, deadline),
            graceMs: options.graceMs,
          },
          deadline,
        ),
    );
    if (released) {
      this.#settings.log.warn(
        'commits that no replica acknowledged were let go, their clients cut off before',
        {
          server: formatEndpoint(server),
        },
      );
    }
    if (applying) {
      this.#settings.log.warn('the appliers of regional channels may not have stopped', {
        server: formatEndpoint(server),
      });
    }
    this.#tellSpared(server, spared);
    return { killed, executed };
  }

  async endSessions(server: Endpoint, options: CallOptions): Promise<number> {
    const { killed, denied } = await this.#pool.within(server, options, (session, deadline) =>
      killWriters(session, this.#ownUsers, deadline),
    );
    this.#tellSpared(server, denied.size);
    return killed.length;
  }

  #tellSpared(server: Endpoint, spared: number): void {
    if (spared === 0) return;
    this.#settings.log.warn('sessions of higher privilege were not ended: grant SYSTEM_USER', {
      server: formatEndpoint(server),
      spared,
    });
  }

  async openWrites(server: Endpoint, options: CallOptions): Promise<void> {
    await this.#pool.within(server, options, (session, deadline) =>
      session.query('SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF', [], deadline),
    );
  }

  stopReceiver(server: Endpoint, channel: string, options: CallOptions): Promise<void> {
    return this.#pool.within(server, options, (session, deadline) =>
      stopReceiver(session, channel, deadline),
    );
  }

  startReplication(server: Endpoint, channel: string, options: CallOptions): Promise<void> {
    return this.#pool.within(server, options, (session, deadline) =>
      startReplication(session, channel, deadline),
    );
  }

  async waitExecuted(server: Endpoint, gtids: string, options: CallOptions): Promise<boolean> {
    try {
      return await this.#pool.within(server, options, (session, deadline) =>
        waitExecuted(session, gtids, deadline),
      );
    } catch (error) {
      if (hasCode(error, 'TIMED_OUT')) return false;
      throw error;
    }
  }

  resetReplication(server: Endpoint, channel: string, options: CallOptions): Promise<void> {
    return this.#pool.within(server, options, (session, deadline) =>
      resetReplication(session, channel, deadline),
    );
  }

  follow(server: Endpoint, profile: SourceProfile, options: CallOptions): Promise<void> {
    const { replication, regional: login = { ...replication, tls: noTls } } = this.#settings;
    const { regional } = profile;
    return this.#pool.within(server, options, (session, deadline) =>
      regional === undefined
        ? follow(session, profile, replication, deadline)
        : followRegion(session, { ...profile, regional, login }, deadline),
    );
  }

  commitProbe(server: Endpoint, options: CallOptions): Promise<CommitProbe> {
    return this.#commits.probe(server, options);
  }

  sessionCount(server: Endpoint, options: CallOptions): Promise<number> {
    return this.#pool.within(
      server,
      options,
      async (session, deadline) => (await listWriters(session, this.#ownUsers, deadline)).length,
    );
  }

  survey(server: Endpoint, options: CallOptions): Promise<ServerSurvey> {
    return this.#pool.within(server, options, (session, deadline) =>
      surveyServer(session, this.#ownUsers, deadline),
    );
  }

  events(server: Endpoint, options: CallOptions): Promise<ServerEvents> {
    return this.#pool.within(server, options, readEvents);
  }

  enableEvent(server: Endpoint, event: EventName, options: CallOptions): Promise<void> {
    return this.#pool.within(server, options, (session, deadline) => enableEvent(session, event, deadline));
  }

  async startEventScheduler(server: Endpoint, options: CallOptions): Promise<void> {
    await this.#pool.within(server, options, (session, deadline) =>
      session.query('SET GLOBAL event_scheduler = ON', [], deadline),
    );
  }

  drain(server: Endpoint, options: CallOptions): Promise<Drained> {
    return this.#drainer.drain(server, options);
  }

  lookAtClients(server: Endpoint, options: CallOptions): Promise<void> {
    return this.#drainer.look(server, options);
  }

  watchConnection(server: Endpoint, onLost: (code: string) => void, signal: AbortSignal): void {
    const { connectTimeoutMs, log } = this.#settings;
    const either = AbortSignal.any([signal, this.#closing.signal]);
    void watchConnection(this.#pool, { server, connectTimeoutMs, onLost, signal: either, log });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#pool.close();
  }
}

/** The server's own time-out ends a little before ours, so that the session survives it. */
const ANSWER_MS = 100;

async function waitExecuted(session: Session, gtids: string, deadline: Deadline): Promise<boolean> {
  const seconds = Math.max(0.01, (deadline.remainingMs() - ANSWER_MS) / 1000);
  const timeout = dialectOf(session.version).fractionalTimeouts ? seconds : Math.max(1, Math.floor(seconds));
  const rows = await session.query(
    'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS late',
    [gtids, timeout],
    deadline,
    'WAIT_FOR_EXECUTED_GTID_SET',
  );
  return Number(rows[0]?.['late']) === 0;
}
