import { setMaxListeners } from 'node:events';
import type { Log } from '../../src/ports/system.ts';
import type { SimGround } from './sim-ground.ts';
import { SimProcess } from './sim-process.ts';
import { ZkClient } from './zk-client.ts';

/** One of dcmha's processes, as the host's init system keeps it: killed, it can be started again, as another process. */
export class Daemon {
  readonly host: string;
  readonly name: string;
  /** How often it was started. */
  starts = 0;
  process: SimProcess;
  coordination: ZkClient;
  log: Log;
  readonly #ground: SimGround;
  readonly #main: (daemon: Daemon) => Promise<void>;
  #stop = new AbortController();

  constructor(
    ground: SimGround,
    who: { readonly host: string; readonly name: string },
    main: (daemon: Daemon) => Promise<void>,
  ) {
    this.host = who.host;
    this.name = who.name;
    this.#ground = ground;
    this.#main = main;
    this.log = ground.logOf(who.name);
    this.process = new SimProcess(ground.clock, who.host, who.name);
    this.coordination = this.#connect();
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Also when it was killed before. */
  start(): void {
    if (this.starts > 0) {
      if (!this.process.isDead) return;
      this.process = new SimProcess(this.#ground.clock, this.host, this.name);
      this.coordination = this.#connect();
    }
    this.starts += 1;
    this.#stop = new AbortController();
    setMaxListeners(0, this.#stop.signal);
    const { process } = this;
    this.#main(this).then(
      () => this.#ground.violation(`${this.name} ended by itself`),
      (thrown: unknown) => {
        if (!process.isDead) this.#ground.violation(`${this.name} failed: ${String(thrown)}`);
      },
    );
  }

  kill(): void {
    if (this.process.isDead) return;
    this.process.kill();
    this.coordination.abandon();
  }

  #connect(): ZkClient {
    return new ZkClient(this.process, this.#ground.zookeeper, this.#ground.nextServer());
  }
}
