import { hostId } from '../../src/core/model/endpoint.ts';
import { toDcmhaError } from '../../src/core/model/errors.ts';
import { next } from '../../src/core/plan/next.ts';
import { abandoned, retried } from '../../src/core/plan/plan.ts';
import { readJournal, saveJournal } from '../../src/core/store/journal.ts';
import { pauseGroup, unpauseGroup } from '../../src/core/store/pauses.ts';
import { readPrimary } from '../../src/core/store/primary.ts';
import { readRoute } from '../../src/core/store/routes.ts';
import { usualTerms } from '../../src/core/plan/switchover-terms.ts';
import { submitTask, type NewTask } from '../../src/core/store/tasks.ts';
import { planOf } from '../../src/roles/coordinator/plan-runner.ts';
import type { SimGround } from './sim-ground.ts';
import { SimProcess } from './sim-process.ts';
import { ZkClient } from './zk-client.ts';

const LOOK_MS = 2000;
const RETRIES = 2;
/** A primary whose commits have waited for so long for replicas that are not there, ms, is let go by whoever looks at the alert. */
const STUCK_MS = 20_000;

/** A person with the command line, on a host of their own. */
export class SimOperator {
  readonly #ground: SimGround;
  readonly #process: SimProcess;
  readonly #store: ZkClient;
  #tried: string | undefined;
  #tries = 0;
  /** A primary was named without its route, so that bringing the route to whoever it is by now is nobody else's to do. */
  #owesRoute = false;
  /** Since when commits wait at a primary for replicas that are not attached. */
  #stuckSince: number | undefined;
  /** Where semi-sync was switched off because of that. */
  readonly #released = new Set<string>();
  #turn: Promise<void> = Promise.resolve();

  constructor(ground: SimGround) {
    this.#ground = ground;
    this.#process = new SimProcess(ground.clock, '10.0.0.70', 'operator');
    this.#store = new ZkClient(this.#process, ground.zookeeper, 0);
  }

  switchover(host: string | undefined, planned: boolean): void {
    const common = {
      group: 'g1',
      by: 'operator',
      at: this.#process.now(),
      ...(host === undefined ? {} : { host }),
    };
    const task: NewTask = planned
      ? { kind: 'switchover', ...common, terms: usualTerms }
      : { kind: 'failover', ...common };
    this.#do(task.kind, () => submitTask(this.#store, task));
  }

  /** `task white`: this host is the primary now, whatever the program thinks. */
  recordByHand(host: string, reroute: boolean): void {
    const at = this.#process.now();
    this.#owesRoute ||= !reroute;
    this.#do('task white', () =>
      submitTask(this.#store, {
        kind: 'white',
        group: 'g1',
        by: 'operator',
        at,
        host,
        reroute,
        force: true,
      }),
    );
  }

  /** Whoever has named a primary without its route brings the route to it later, whoever it is by then. */
  reroute(): void {
    this.#inTurn('task white --reroute', async () => {
      const primary = await readPrimary(this.#store, 'g1');
      if (primary !== undefined) this.recordByHand(primary.id, true);
    });
  }

  /** Waits in the same line as {@link unpause}. */
  pause(): void {
    const pause = { by: 'operator', why: '', at: this.#process.now() };
    this.#inTurn('setwhite', () => pauseGroup(this.#store, 'g1', pause));
  }

  unpause(): void {
    this.#inTurn('unsetwhite', () => unpauseGroup(this.#store, 'g1'));
  }

  /** Until it works: whoever begins a pause ends it. */
  #inTurn(what: string, work: () => Promise<unknown>): void {
    const again = async (): Promise<void> => {
      for (;;) {
        try {
          await work();
          return;
        } catch (error) {
          this.#ground.note(`operator: ${what}: ${toDcmhaError(error).message}`);
          await this.#process.pause(LOOK_MS);
        }
      }
    };
    this.#turn = this.#turn.then(again);
  }

  /** From now on, a plan that is blocked is retried, and abandoned when that does not help. */
  attend(): void {
    this.#process.after(LOOK_MS, () => {
      this.#do('look at the plan', () => this.#unblock());
      this.#release();
      if (this.#owesRoute) this.#do('look at the route', () => this.#payRoute());
      this.attend();
    });
  }

  /**
   * Every replica has to take transactions back, names are to be burnt on the primary first, and there commits wait for a replica: what the
   * handbook says is done. Semi-sync is off until there are replicas again.
   */
  #release(): void {
    const servers = [...this.#ground.servers.values()];
    for (const server of servers) {
      const { semiSync } = server;
      if (semiSync === undefined || !this.#released.has(server.name)) continue;
      if (server.isWritable && server.semiSyncClients < semiSync.source.acks) continue;
      this.#released.delete(server.name);
      semiSync.source = { ...semiSync.source, enabled: true };
    }
    const stuck = servers.find(
      (one) => one.isWritable && one.waiting > 0 && one.semiSyncClients < (one.semiSync?.source.acks ?? 0),
    );
    const now = this.#process.monotonic();
    if (stuck?.semiSync === undefined) this.#stuckSince = undefined;
    else if (now - (this.#stuckSince ??= now) > STUCK_MS) {
      this.#ground.note(`operator: semi-sync is off at ${stuck.name}`);
      this.#released.add(stuck.name);
      stuck.semiSync.source = { ...stuck.semiSync.source, enabled: false };
      stuck.commitMore();
    }
  }

  async #payRoute(): Promise<void> {
    if ((await readJournal(this.#store, 'g1'))?.kind === 'running') return;
    const primary = await readPrimary(this.#store, 'g1');
    const { write } = (await readRoute(this.#store, 'g1'))?.route ?? {};
    if (primary === undefined || (write !== undefined && hostId(write.host) === primary.id)) return;
    this.recordByHand(primary.id, true);
  }

  async #unblock(): Promise<void> {
    const state = await readJournal(this.#store, 'g1');
    if (state?.kind !== 'running') return;
    const plan = planOf(state.journal);
    if (next(plan).kind !== 'blocked') return;
    this.#tries = this.#tried === plan.id ? this.#tries + 1 : 1;
    this.#tried = plan.id;
    const edited = this.#tries <= RETRIES ? retried(plan) : abandoned(plan, 'operator');
    this.#ground.note(`operator: task ${this.#tries <= RETRIES ? 'retry' : 'abandon'}`);
    await saveJournal(this.#store, { ...edited, by: 'operator' }, state.version);
  }

  #do(what: string, work: () => Promise<unknown>): void {
    work().catch((error: unknown) => this.#ground.note(`operator: ${what}: ${toDcmhaError(error).message}`));
  }
}
