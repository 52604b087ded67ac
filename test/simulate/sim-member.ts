import type { AgentOptions } from '../../src/roles/agent-deps.ts';
import { runAgent } from '../../src/roles/agent.ts';
import type { ProcessWatch, StateFile } from '../../src/ports/system.ts';
import { simBinlog } from './sim-binlog.ts';
import { SimMysql } from './sim-mysql.ts';
import { SimServer } from './sim-mysql-server.ts';
import { Daemon } from './sim-daemon.ts';
import type { SimGround } from './sim-ground.ts';
import { noSemiSync, usualLag } from '../support/usual-policies.ts';

const agentPort = 7071;
/** What writing a small file with fsync takes, ms. */
const FSYNC_MS = 2;
/** Until the host's init system starts a mysqld again that ended, ms. */
const RESTART_MS = 2000;

/** A MySQL host: mysqld, the agent beside it, and their disk. */
export class SimMember {
  readonly id: string;
  readonly host: string;
  readonly server: SimServer;
  readonly agent: Daemon;
  readonly #ground: SimGround;
  /** The agent's state file. */
  #disk: string | undefined;

  constructor(
    ground: SimGround,
    number: number,
    options: { readonly semiSync: boolean; readonly applyDelayMs: number },
  ) {
    this.#ground = ground;
    this.host = `10.0.0.${number}`;
    this.id = `10-0-0-${number}`;
    this.server = new SimServer({ ...options, host: this.host, number, changed: ground.changed });
    ground.servers.set(this.server.name, this.server);
    ground.sources.set(this.server.name, this.server);
    this.agent = new Daemon(ground, { host: this.host, name: `agent ${number}` }, (daemon) =>
      this.#runAgent(daemon),
    );
  }

  /** The host loses its power. */
  powerOff(): void {
    this.#ground.network.setOff(this.host, true);
    this.agent.kill();
    this.server.crash();
  }

  powerOn(): void {
    this.#ground.network.setOff(this.host, false);
    this.startServer();
    this.agent.start();
  }

  readonly startServer = (): void => {
    if (!this.#ground.network.isOff(this.host)) this.server.boot(this.#ground.clock.now);
  };

  #runAgent({ process, coordination, log, stop }: Daemon): Promise<void> {
    const { server } = this;
    const { peers, tamper } = this.#ground;
    const mysql = new SimMysql(this.#ground, process);
    const deps = {
      coordination: tamper.agentCoordination?.(coordination) ?? coordination,
      mysql: tamper.agentMysql?.(mysql) ?? mysql,
      processes: this.#processes(),
      stateFile: this.#stateFile(),
      caller: peers.callerOf(process),
      listener: peers.listenerOf(process),
      clock: process,
      log,
      binlog: simBinlog(this.#ground, server, process),
    };
    return runAgent(deps, this.#options(), stop);
  }

  /** What the configuration says unless it is told otherwise. */
  #options(): AgentOptions {
    return {
      host: this.host,
      mysqlPort: 3306,
      control: { host: this.host, port: agentPort },
      defaultAgentPort: agentPort,
      pidFile: 'mysqld.pid',
      binlogPort: 7074,
      binlogPlace: { indexFile: '/data/binlog.index', dataDirectory: '/data' },
      version: '0.1.0',
      checkIntervalMs: 500,
      checkTimeoutMs: 1000,
      attempts: 3,
      commitProbeTimeoutMs: 3000,
      lag: usualLag,
      semiSync: noSemiSync,
      peerTimeoutMs: 2000,
    };
  }

  #processes(): ProcessWatch {
    const { server } = this;
    return {
      look: () =>
        Promise.resolve(
          server.isUp
            ? { kind: 'alive', pid: server.pid }
            : { kind: 'gone', detail: `process ${server.pid}` },
        ),
      kill: (pid) => {
        const isThere = server.isUp && server.pid === pid;
        this.#ground.note(`SIGKILL of mysqld ${server.number}`);
        if (isThere) {
          server.crash();
          this.#ground.clock.after(RESTART_MS, this.startServer);
        }
        return Promise.resolve(isThere);
      },
      readOnlyMount: () => Promise.resolve(false),
    };
  }

  #stateFile(): StateFile {
    const { agent } = this;
    return {
      read: () => Promise.resolve(this.#disk),
      write: async (text) => {
        await agent.process.pause(FSYNC_MS);
        this.#disk = text;
      },
    };
  }
}
