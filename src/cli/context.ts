import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AlertDesk } from '../core/alerts/desk.ts';
import { leaseCheckFor, type LeaseCheck } from '../core/haproxy/lease-check.ts';
import { leaseTerms } from '../core/lease.ts';
import type { FenceCommand } from '../core/perform/fence-command.ts';
import type { RegionalMeans } from '../core/perform/regional-channels.ts';
import { Haproxy } from '../adapters/haproxy/haproxy.ts';
import { httpLeasePort } from '../adapters/haproxy/lease-port.ts';
import type { LeasePort, Proxy } from '../ports/proxy.ts';
import type { Coordination } from '../ports/coordination.ts';
import type { Mysql } from '../ports/mysql.ts';
import type { PeerCaller, PeerListener } from '../ports/peers.ts';
import type { Decompress } from '../core/binlog/payload.ts';
import type { Endpoint } from '../core/model/endpoint.ts';
import type { Reapplication } from '../ports/rollback.ts';
import type { SemiSync } from '../ports/semi-sync.ts';
import type { SalvageStore } from '../ports/salvage.ts';
import type { Clock, Log, ProcessWatch, StateFile } from '../ports/system.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { commandSink } from '../adapters/alerts/command-sink.ts';
import { webhookSink } from '../adapters/alerts/webhook-sink.ts';
import { createBinlogService } from '../adapters/binlog-service/service.ts';
import { cutBinlog } from '../adapters/fs/cut-binlog.ts';
import { BinlogFiles, openBinlogFile } from '../adapters/fs/binlog-files.ts';
import { freeBytes } from '../adapters/fs/free-space.ts';
import { createSalvageStore } from '../adapters/fs/salvage-store.ts';
import { readServerUuid } from '../adapters/fs/server-uuid.ts';
import { createCloning } from '../adapters/mysql/clone.ts';
import { openReapplication } from '../adapters/mysql/reapply.ts';
import { createRollback } from '../adapters/mysql/rollback.ts';
import { createSemiSync } from '../adapters/mysql/semi-sync.ts';
import { createMysql } from '../adapters/mysql/mysql.ts';
import { createRegionalServers } from '../adapters/mysql/regional-servers.ts';
import { createPeerCaller } from '../adapters/net/peer-client.ts';
import { createPeerListener } from '../adapters/net/peer-server.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { commandRunner } from '../adapters/system/command.ts';
import { httpPoster } from '../adapters/system/http.ts';
import { createLog } from '../adapters/system/log.ts';
import { loadZstd } from '../adapters/system/zstd.ts';
import { createProcessWatch } from '../adapters/system/process.ts';
import { createStateFile } from '../adapters/system/state-file.ts';
import { connectZookeeper } from '../adapters/zookeeper/connect.ts';
import type { BinlogDeps, RejoinDeps, StartDeps } from '../roles/agent/deps.ts';
import type { BinlogTools } from './binlog/survey-files.ts';
import type { GlobalArgs } from './define-command.ts';
import { Logins } from './logins.ts';

/** The composition root: the one place that constructs adapters. */
export class Context implements AsyncDisposable {
  readonly config: Config;
  readonly clock: Clock = systemClock;
  readonly log: Log;
  readonly #logins: Logins;
  readonly #closing: AsyncDisposable[] = [];

  /** Daemons log as configured; a command that an operator runs tells only of trouble, beside its own output. */
  constructor(args: GlobalArgs, kind: 'daemon' | 'command' = 'command') {
    this.config = loadConfig({ file: args.config, env: process.env, flags: {} });
    const { level, format } = this.config.log;
    this.log = createLog(
      kind === 'daemon' ? { level, format } : { level: level === 'debug' ? level : 'error', format: 'text' },
    );
    this.#logins = new Logins(this.config, this.log);
  }

  /** A session for one command. Throws `SESSION_LOST` naming the ensemble when it cannot be reached. */
  async coordination(): Promise<Coordination> {
    return this.#connect(true);
  }

  /** A session for a daemon, which starts also while ZooKeeper is away. */
  async daemonCoordination(): Promise<Coordination> {
    return this.#connect(false);
  }

  async #connect(awaitSession: boolean): Promise<Coordination> {
    const { hosts, root, sessionTimeoutMs, worldReadable } = this.config.zookeeper;
    const session = await connectZookeeper({
      hosts,
      root,
      sessionTimeoutMs,
      auth: await this.#logins.zookeeper(),
      worldReadable,
      awaitSession,
      log: this.log,
      clock: this.clock,
    });
    this.#closing.push(session);
    return session;
  }

  /** Makes the HAProxy of a group; ports of files that are not there yet go by the order of `groups`. */
  async proxies(groups: readonly string[]): Promise<(group: string) => Proxy> {
    const { haproxy, directory, runDirectory, bind, writePort, templateFile } = this.config.router;
    const template = templateFile === undefined ? undefined : await readFile(templateFile, 'utf8');
    const lease = this.leaseCheck();
    return (group) => {
      const ports = { bind, writePort: writePort + 2 * Math.max(0, groups.indexOf(group)) };
      const options = { group, program: haproxy, directory, runDirectory, lease, template, ...ports };
      return new Haproxy(options, { clock: this.clock, log: this.log.with({ group }) });
    };
  }

  leasePort(): LeasePort {
    return httpLeasePort;
  }

  /** How HAProxy checks that port. */
  leaseCheck(): LeaseCheck {
    const { router, zookeeper } = this.config;
    return leaseCheckFor(router.leasePort, leaseTerms(zookeeper.sessionTimeoutMs));
  }

  processes(): ProcessWatch {
    return createProcessWatch();
  }

  /** A file of the agent's that outlives a restart of its host. */
  stateFile(name: string): StateFile {
    return createStateFile(path.join(this.config.agent.stateDirectory, name));
  }

  /** `localHost`: the host whose server is reached by its socket, where one is configured. */
  async mysql(localHost?: string): Promise<Mysql> {
    const { connectTimeoutMs, replicationSsl } = this.config.mysql;
    const { user, password, ssl, socketOf } = await this.#logins.mysql(localHost);
    const servers = createMysql({
      account: { user, password },
      ssl,
      socketOf,
      replication: { ...(await this.#logins.replication()), ssl: replicationSsl },
      regional: await this.#logins.regional(),
      connectTimeoutMs,
      log: this.log,
    });
    this.#closing.push(servers);
    return servers;
  }

  /** Servers of other regions, for who only looks at them. */
  async regional(): Promise<RegionalMeans> {
    const { connectTimeoutMs } = this.config.mysql;
    const { user, password } = await this.#logins.regional();
    const ssl = await this.#logins.regionalTls();
    const servers = createRegionalServers({ user, password, ssl, connectTimeoutMs });
    this.#closing.push(servers);
    return { servers, random: Math.random, graceMs: this.config.addition.graceMs };
  }

  /** The binlog of this host's server, and the service that hands it out to who has the replication account. */
  async binlog(): Promise<BinlogDeps> {
    return {
      open: (place) => new BinlogFiles(place),
      serverUuid: ({ dataDirectory }) => readServerUuid(dataDirectory),
      service: createBinlogService({ account: await this.#logins.replication(), log: this.log }),
      cut: cutBinlog,
    };
  }

  /** Where transactions are saved before they are taken back. */
  salvage(): SalvageStore {
    return createSalvageStore(this.config.salvage.directory);
  }

  decompress(): Promise<Decompress> {
    return loadZstd();
  }

  /** A session on a primary. Throws `MYSQL_UNREACHABLE`, `MYSQL_REFUSED`. */
  async reapplication(server: Endpoint, timeoutMs: number): Promise<Reapplication> {
    return openReapplication(server, await this.#logins.mysql(), { timeoutMs });
  }

  /** How the agent starts mysqld; undefined when the configuration names no command. */
  start(): StartDeps | undefined {
    const { startMysqld: argv, startTimeoutMs: timeoutMs } = this.config.agent;
    return argv.length === 0 ? undefined : { commands: commandRunner, argv, timeoutMs };
  }

  /** How a silent host is cut off; undefined when the configuration names no command. */
  fenceCommand(): FenceCommand | undefined {
    const { command: argv, timeoutMs } = this.config.fence;
    return argv.length === 0 ? undefined : { commands: commandRunner, argv, timeoutMs };
  }

  /** What takes transactions back from the server of this host. */
  async rejoin(localHost: string): Promise<RejoinDeps> {
    return {
      store: this.salvage(),
      rollback: createRollback(await this.#logins.mysql(localHost)),
      decompress: await loadZstd(),
      clone: { cloning: createCloning(await this.#logins.mysql(localHost)), freeBytes },
    };
  }

  /** The semi-synchronous plugins of the servers. */
  async semiSync(localHost: string): Promise<SemiSync> {
    const semiSync = createSemiSync(await this.#logins.mysql(localHost), this.config.mysql.connectTimeoutMs);
    this.#closing.push(semiSync);
    return semiSync;
  }

  async peers(): Promise<{ readonly caller: PeerCaller; readonly listener: PeerListener }> {
    const key = await this.#logins.peer();
    const caller = createPeerCaller({ secret: key });
    this.#closing.push({
      [Symbol.asyncDispose]: () => {
        caller[Symbol.dispose]();
        return Promise.resolve();
      },
    });
    return { caller, listener: createPeerListener({ secret: key, log: this.log }) };
  }

  alerts(): AlertDesk {
    const { command, webhook, timeoutMs, repeatMs } = this.config.alerts;
    const sinks = [
      ...(command.length === 0 ? [] : [commandSink(command, commandRunner, timeoutMs)]),
      ...(webhook === '' ? [] : [webhookSink(webhook, httpPoster, this.clock, timeoutMs)]),
    ];
    return new AlertDesk({ sinks, clock: this.clock, log: this.log, repeatMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#closing.reverse()) await resource[Symbol.asyncDispose]();
  }
}

/** What reads binlog files named on the command line: needs no configuration. */
export async function binlogTools(): Promise<BinlogTools> {
  return { open: (file) => openBinlogFile(file, { followLinks: true }), decompress: await loadZstd() };
}
