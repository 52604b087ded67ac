import { z } from 'zod';
import { connectZookeeper } from '../../src/adapters/zookeeper/connect.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { Coordination } from '../../src/ports/coordination.ts';
import { readSecret } from '../../src/sandbox/connect.ts';
import { sendSignal } from '../../src/sandbox/process.ts';
import { runningProcess } from '../../src/sandbox/state.ts';
import type { FaultWorld } from './fault-world.ts';
import { silentLog } from './test-log.ts';

const PLAN_MS = 60_000;
const journal = z.object({ entries: z.array(z.object({ step: z.object({ kind: z.string() }) })) });

/** Watches the running plan of a group in ZooKeeper, to strike at a step of it. */
export class JournalWatch implements AsyncDisposable {
  readonly #world: FaultWorld;
  readonly #coordination: Coordination & AsyncDisposable;
  readonly #stop = new AbortController();

  private constructor(world: FaultWorld, coordination: Coordination & AsyncDisposable) {
    this.#world = world;
    this.#coordination = coordination;
  }

  static async start(world: FaultWorld): Promise<JournalWatch> {
    const coordination = await connectZookeeper({
      hosts: world.state.zookeeper,
      root: '/mysql',
      sessionTimeoutMs: 4000,
      auth: { user: 'dcmha', password: await readSecret(world.sandbox.dir, 'zookeeper') },
      worldReadable: false,
      log: silentLog,
      clock: systemClock,
    });
    return new JournalWatch(world, coordination);
  }

  /**
   * Kills every coordinator as soon as so many steps are done, or the plan, whose last steps take milliseconds, is over; resolves to the
   * steps that were seen.
   */
  async killCoordinatorsAfter(done: number): Promise<readonly string[]> {
    const specs = this.#world.state.processes.filter(({ kind }) => kind === 'coordinator');
    const victims = await Promise.all(specs.map((spec) => runningProcess(spec)));
    return new Promise((resolve, reject) => {
      const stop = new AbortController();
      let seen: readonly string[] | undefined;
      const look = async () => {
        const steps = await this.#steps();
        const isOver = steps === undefined && seen !== undefined;
        seen = steps ?? seen;
        if (stop.signal.aborted || seen === undefined || (seen.length < done && !isOver)) return;
        stop.abort();
        for (const victim of victims) sendSignal(victim, 'SIGKILL');
        resolve(seen);
      };
      void systemClock.pause(PLAN_MS, stop.signal).then(() => {
        if (!stop.signal.aborted)
          reject(new Error(`no plan with ${done} steps done was seen within ${PLAN_MS} ms`));
      });
      const wake = () => void look().catch(() => undefined);
      const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
      this.#coordination.watchData(znodes.journal('g1'), wake, signal);
    });
  }

  /** Of the plan that runs; undefined when none does. */
  async #steps(): Promise<readonly string[] | undefined> {
    const node = await this.#coordination.read(znodes.journal('g1'));
    if (node === undefined || node.data.length === 0) return undefined;
    return journal.parse(JSON.parse(node.data.toString('utf8'))).entries.map(({ step }) => step.kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#coordination[Symbol.asyncDispose]();
  }
}
