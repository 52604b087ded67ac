import type { AgentDeps, AgentOptions, StartDeps } from '../../src/roles/agent/deps.ts';
import { runAgent } from '../../src/roles/agent/agent.ts';
import type { RegionalServers } from '../../src/ports/regional.ts';
import type { ProcessWatch, StateFile } from '../../src/ports/system.ts';
import { decompress } from '../support/binlog.ts';
import { MemorySalvage } from '../support/memory-salvage.ts';
import { usualAgent } from '../support/usual-roles.ts';
import { SalvageWatch } from './salvage-watch.ts';
import { alwaysOn, switchedOff } from './semi-sync-plugin.ts';
import { simBinlog } from './sim-binlog.ts';
import { SimMysql } from './sim-mysql.ts';
import { SimServer } from './sim-mysql-server.ts';
import { Daemon } from './sim-daemon.ts';
import type { SimGround } from './sim-ground.ts';
import type { SimProcess } from './sim-process.ts';
import { simRegional } from './sim-regional.ts';
import { SimRollback, type TakingBack } from './sim-rollback.ts';
import { simSemiSync } from './sim-semi-sync.ts';

/** What writing a small file with fsync takes, ms. */
const FSYNC_MS = 2;
/** Until the host's init system starts a mysqld again that ended, ms. */
const RESTART_MS = 2000;
/** What the start of mysqld takes the agent's command, ms. */
const START_MS = 300;
/** When somebody starts mysqld after the host had no power, where the agent may do so before, ms. */
const BY_HAND_MS = 8000;

const plugins = { none: undefined, always: alwaysOn, required: switchedOff } as const;

export interface MemberOptions {
  readonly semiSync: keyof typeof plugins;
  readonly applyDelayMs: number;
  readonly agentStarts: boolean;
  /** The group receives from another region. */
  readonly hasRegion: boolean;
}

/** A MySQL host: mysqld, the agent beside it, and their disk. */
export class SimMember {
  readonly id: string;
  readonly host: string;
  readonly server: SimServer;
  readonly agent: Daemon;
  readonly #ground: SimGround;
  readonly #options: MemberOptions;
  readonly #salvage: MemorySalvage;
  readonly #watch: SalvageWatch;
  /** The agent's state file. */
  #disk: string | undefined;

  constructor(ground: SimGround, number: number, options: MemberOptions) {
    const { applyDelayMs } = options;
    this.#ground = ground;
    this.#options = options;
    this.host = `10.0.0.${number}`;
    this.id = `10-0-0-${number}`;
    const semiSync = plugins[options.semiSync];
    this.server = new SimServer({ semiSync, applyDelayMs, host: this.host, number, changed: ground.changed });
    ground.servers.set(this.server.name, this.server);
    ground.sources.set(this.server.name, this.server);
    this.agent = new Daemon(ground, { host: this.host, name: `agent ${number}` }, (daemon) =>
      runAgent(this.#deps(daemon), this.#agentOptions(), daemon.stop),
    );
    this.#salvage = new MemorySalvage(() => this.agent.process.pause(FSYNC_MS));
    this.#watch = new SalvageWatch(this.#salvage, (text) => ground.violation(text));
  }

  /** The host loses its power. */
  powerOff(): void {
    this.#ground.network.setOff(this.host, true);
    this.agent.kill();
    this.server.crash();
  }

  powerOn(): void {
    this.#ground.network.setOff(this.host, false);
    if (this.#options.agentStarts) this.#ground.clock.after(BY_HAND_MS, this.startServer);
    else this.startServer();
    this.agent.start();
  }

  readonly startServer = (): void => {
    if (!this.#ground.network.isOff(this.host)) this.server.boot(this.#ground.clock.now);
  };

  #deps({ process, coordination, log }: Daemon): AgentDeps {
    const { server } = this;
    const { peers, tamper } = this.#ground;
    const { agentStarts, semiSync, hasRegion } = this.#options;
    const mysql = new SimMysql(this.#ground, process);
    const { beforeTakenBack, beforeReset } = this.#watch;
    const taking: TakingBack = {
      changes: tamper.takenBack ?? ((changes) => changes),
      beforeTakenBack,
      beforeReset: (at, gone) => {
        if (!gone.isEmpty()) this.#ground.returns += 1;
        beforeReset(at, gone);
      },
    };
    return {
      coordination: tamper.agentCoordination?.(coordination) ?? coordination,
      mysql: tamper.agentMysql?.(mysql) ?? mysql,
      processes: this.#processes(),
      stateFile: this.#stateFile(),
      caller: peers.callerOf(process),
      listener: peers.listenerOf(process),
      clock: process,
      log,
      binlog: { ...simBinlog(this.#ground, server, process), ...(agentStarts && { cut: this.#cut }) },
      rejoin: {
        store: this.#salvage,
        rollback: new SimRollback(this.#ground, process, taking),
        decompress,
      },
      ...(semiSync === 'required' && { semiSync: simSemiSync(this.#ground, process) }),
      ...(agentStarts && { start: this.#start() }),
      ...(hasRegion && { regional: this.#regional(process) }),
    };
  }

  #regional(process: SimProcess): RegionalServers {
    const regional = simRegional(this.#ground, process);
    return this.#ground.tamper.agentRegional?.(regional) ?? regional;
  }

  #agentOptions(): AgentOptions {
    const usual = { ...usualAgent(this.host), rejoinAutomatic: true };
    if (this.#options.semiSync !== 'required') return usual;
    return { ...usual, semiSync: { ...usual.semiSync, mode: 'required' } };
  }

  readonly #cut = async (_: unknown, name: string, sizeBytes: number): Promise<void> => {
    const { server, agent } = this;
    await agent.process.pause(FSYNC_MS);
    if (server.isUp) this.#ground.violation(`the binlog of ${this.id} is cut while its server runs`);
    const gone = server.log.cut(name, sizeBytes);
    this.#watch.beforeGone(server, gone);
    this.#ground.note(`${gone.length} transactions are cut off the binlog of ${this.id}`);
  };

  #start(): StartDeps {
    return {
      argv: ['start-mysqld'],
      timeoutMs: 10_000,
      commands: {
        run: async () => {
          await this.agent.process.pause(START_MS);
          this.startServer();
          return { exitCode: 0, stderr: '' };
        },
      },
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
