import { setMaxListeners } from 'node:events';
import { znodes } from '../../src/core/store/znodes.ts';
import { Checks } from './checks.ts';
import {
  describeFault,
  drawFaults,
  isNoReasonToSwitch,
  ofReturning,
  type Fault,
  type Level,
} from './faults.ts';
import { whyNotBack, whyPastHelp, whyUnequal, whyUnwell } from './health.ts';
import { inject } from './inject.ts';
import { RegionChecks, whyRegionDiffers } from './region-checks.ts';
import { RegionOperator } from './region-operator.ts';
import type { Tamper } from './sim-ground.ts';
import type { SimMember } from './sim-member.ts';
import { World, type WorldShape } from './world.ts';

// As the program does: one signal ends dozens of watches.
setMaxListeners(0);

export interface RunOptions {
  readonly seed: number;
  readonly level?: Level | undefined;
  /** Instead of the seed's own. */
  readonly shape?: Partial<WorldShape> | undefined;
  readonly faults?: readonly Fault[] | undefined;
  readonly tamper?: Tamper | undefined;
  readonly trace?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** What broke a promise first. */
  readonly violation: string | undefined;
  /** When that was, or the end; ms of virtual time. */
  readonly at: number;
  readonly events: number;
  /** Writes that clients were told are committed, and those of them that are gone with a record that says so. */
  readonly writes: number;
  readonly lost: number;
  /** How long it took until all was well, ms after the last fault was healed. */
  readonly wellAfterMs: number;
  readonly epochs: number;
  /** Writes that came to nothing since the faults began. */
  readonly failures: number;
  /** Servers that came back with transactions of their own, and those that only a copy of another helped. */
  readonly returns: number;
  readonly remade: number;
}

const START_MS = 30_000;
/** Since the last fault was healed; a step of a plan may take 15 s, and a plan that is blocked is retried twice. */
const WELL_MS = 120_000;
const STABLE_MS = 1500;
const REMAKE_MS = 1000;
/** Until all that was written is everywhere, when nobody writes any more. */
const SETTLE_MS = 30_000;
/** For a plan's step to come that a fault waits for. */
const WAIT_MS = 10_000;

/** One seed's world from its start through its faults until all is well again, or a promise is broken. */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const { seed, trace, shape, tamper = {} } = options;
  const faults = options.faults ?? drawFaults(seed, options.level);
  const run = new Run(new World(seed, { tamper, trace, shape }), seed);
  await run.untilWell(START_MS);
  await run.through(faults);
  const wellAfterMs = await run.recover();
  run.judge();
  await run.settle();
  return run.result(faults, wellAfterMs);
}

class Run {
  readonly #world: World;
  readonly #seed: number;
  readonly #checks: Checks;
  /** Faults that are not put right yet. */
  #active = 0;
  /** Faults that have not happened yet. */
  #toCome = 0;
  /** How many more writes of a plan, or of a return, these wait for. */
  readonly #ofPlans = new Map<Fault, number>();
  readonly #ofReturns = new Map<Fault, number>();
  readonly #happened: Fault[] = [];
  #lastHealedAt = 0;
  #failuresBefore = 0;
  #remade = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
    this.#checks = new Checks(world);
    new RegionChecks(world).begin();
  }

  /**
   * Until the last one is put right. Those that wait for a step of a plan that does not come are left out; those that wait for a return may
   * come later, too.
   */
  async through(faults: readonly Fault[]): Promise<void> {
    const { clock, zookeeper } = this.#world.ground;
    this.#failuresBefore = this.#world.failures;
    let last = 0;
    for (const fault of faults) {
      if (fault.ofReturn !== undefined) {
        this.#ofReturns.set(fault, fault.ofReturn);
        continue;
      }
      this.#toCome += 1;
      clock.after(fault.at, () => {
        if (fault.step === undefined) this.#inject(fault);
        else this.#ofPlans.set(fault, fault.step);
      });
      last = Math.max(last, fault.at + (fault.step === undefined ? fault.ms : WAIT_MS));
    }
    zookeeper.onChange = this.#written;
    const isThrough = (): boolean => this.#isOver() || (this.#toCome === 0 && this.#active === 0);
    if (!isThrough()) await clock.run(clock.now + last + 1, isThrough);
    this.#ofPlans.clear();
    while (this.#active > 0 && !this.#isOver()) await clock.run(clock.now + STABLE_MS, this.#isOver);
  }

  readonly #written = (path: string): void => {
    if (path === znodes.journal('g1')) this.#countDown(this.#ofPlans);
    if (this.#ofReturns.size === 0) return;
    const returning = this.#world.members.find(({ id }) => path === znodes.rejoinPlan(id));
    if (returning !== undefined) this.#countDown(this.#ofReturns, returning);
  };

  #countDown(waiting: Map<Fault, number>, returning?: SimMember): void {
    for (const [fault, left] of waiting) {
      if (left > 1) waiting.set(fault, left - 1);
      else {
        waiting.delete(fault);
        this.#world.ground.clock.after(0, () => this.#inject(fault, returning));
      }
    }
  }

  /** Faults are over, and an operator does what is left to one. Resolves to how long it took, ms. */
  async recover(): Promise<number> {
    const { ground, operator, region } = this.#world;
    const began = ground.clock.now;
    operator.attend();
    if (region !== undefined) new RegionOperator(ground, region).attend();
    this.#remake();
    await this.untilWell(WELL_MS);
    this.#ofReturns.clear();
    return ground.clock.now - Math.max(began, this.#lastHealedAt);
  }

  async untilWell(limitMs: number): Promise<void> {
    const { clock } = this.#world.ground;
    const began = clock.now;
    let writes = this.#world.writes;
    for (let wellMs = 0; wellMs < STABLE_MS && !this.#isOver();) {
      await clock.run(clock.now + STABLE_MS / 3, this.#isOver);
      const why = this.#active > 0 ? 'a fault is not put right' : this.#whyUnwell(writes);
      const end = Math.max(began, this.#lastHealedAt) + limitMs;
      wellMs = why === undefined ? wellMs + STABLE_MS / 3 : 0;
      if (wellMs === 0) writes = this.#world.writes;
      if (why !== undefined && this.#active === 0 && clock.now > end && !this.#isOver())
        this.#world.ground.violation(`not well ${limitMs / 1000} s after the last fault: ${why}`);
    }
  }

  /** Nobody writes any more: what all members hold is the same, and is what clients were told. */
  async settle(): Promise<void> {
    const { ground } = this.#world;
    this.#world.stopClients();
    const end = ground.clock.now + SETTLE_MS;
    const look = (): string | undefined => whyUnequal(this.#world) ?? whyRegionDiffers(this.#world);
    let why = look();
    while (why !== undefined && ground.clock.now < end && !this.#isOver()) {
      await ground.clock.run(ground.clock.now + STABLE_MS / 10, this.#isOver);
      why = look();
    }
    if (why !== undefined && !this.#isOver()) ground.violation(`members differ at the end: ${why}`);
    if (!this.#isOver()) this.#checks.lookAtContent();
  }

  /** Promise 3: what is no reason to move the primary does not move it; and while only ZooKeeper is away, nobody notices. */
  judge(): void {
    const { ground } = this.#world;
    const faults = this.#happened;
    const epoch = this.#world.epoch();
    if (this.#isOver() || !faults.every(isNoReasonToSwitch)) return;
    if (epoch > 0) ground.violation(`a needless switch: epoch ${epoch}`);
    const failures = this.#world.failures - this.#failuresBefore;
    if (faults.every(({ kind }) => kind === 'zookeeper-down') && failures > 0)
      ground.violation(`${failures} writes failed while only ZooKeeper was away`);
  }

  result(faults: readonly Fault[], wellAfterMs: number): RunResult {
    const { ground } = this.#world;
    return {
      seed: this.#seed,
      faults,
      violation: ground.violations[0],
      at: ground.clock.now,
      events: ground.clock.events,
      writes: this.#world.writes,
      lost: Number(this.#checks.lost.count()),
      wellAfterMs,
      epochs: this.#world.epoch(),
      failures: this.#world.failures - this.#failuresBefore,
      returns: ground.returns,
      remade: this.#remade,
    };
  }

  #whyUnwell(writesBefore: number): string | undefined {
    const why = whyUnwell(this.#world, this.#checks);
    return why ?? (this.#world.writes > writesBefore ? undefined : 'no client can write');
  }

  #inject(asDrawn: Fault, returning?: SimMember): void {
    const { ground } = this.#world;
    const fault = returning === undefined ? asDrawn : ofReturning(asDrawn, returning.server.number);
    ground.note(`FAULT ${describeFault(fault)}`);
    this.#happened.push(fault);
    this.#active += 1;
    if (returning === undefined) this.#toCome -= 1;
    const heal = inject(this.#world, this.#seed, fault);
    ground.clock.after(fault.ms, () => {
      ground.note(`HEALED ${describeFault(fault)}`);
      this.#active -= 1;
      this.#lastHealedAt = ground.clock.now;
      heal();
    });
  }

  /** What only an operator can do: a server that nothing else helps is made anew. One that should have come back by itself is none of these. */
  #remake(): void {
    const { ground } = this.#world;
    ground.clock.after(REMAKE_MS, () => {
      const primary = this.#world.primary();
      for (const member of this.#world.members) {
        if (primary === undefined || member === primary || !primary.server.isWritable) continue;
        const why = whyPastHelp(this.#world, member);
        if (why !== undefined) this.#remakeFrom(primary, member, why);
        const failed = whyNotBack(this.#world, member);
        if (failed !== undefined) ground.violation(`${member.id} does not come back: ${failed}`);
      }
      this.#remake();
    });
  }

  #remakeFrom(primary: SimMember, member: SimMember, why: string): void {
    const { ground } = this.#world;
    ground.note(`operator: ${member.id} is made anew from ${primary.id}: ${why}`);
    this.#remade += 1;
    member.server.crash();
    member.server.replaceWith(primary.server);
    member.server.boot(ground.clock.now);
  }

  readonly #isOver = (): boolean => {
    this.#checks.look();
    return this.#world.ground.violations.length > 0;
  };
}
