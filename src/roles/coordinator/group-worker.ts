import { decide, type Decision } from '../../core/decide/decide.ts';
import { lagPolicy } from '../../core/decide/late-readers.ts';
import { decideReads, newReadMemory } from '../../core/decide/reads.ts';
import { unblocked } from '../../core/decide/unblock.ts';
import { next } from '../../core/plan/next.ts';
import { withoutStaleApproval, type Plan } from '../../core/plan/plan.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { readJournal, saveJournal, type JournalState } from '../../core/store/journal.ts';
import { acquireLock } from '../../core/store/locks.ts';
import { readPolicy, type PolicyOverrides } from '../../core/store/policy.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { znodes } from '../../core/store/znodes.ts';
import { Alarm } from '../alarm.ts';
import { automaticFailover } from './begin-failover.ts';
import { DistrustDesk } from './distrust-desk.ts';
import { failoverPolicy } from './failover-policy.ts';
import { tellOfDecision, tellOfHealth, type Told } from './group-alerts.ts';
import { GroupSight } from './group-sight.ts';
import { openTask, runTasks } from './group-tasks.ts';
import { MemberWatches } from './member-watches.ts';
import type { GroupWorkerDeps } from './group-worker-deps.ts';
import { observe } from './observe.ts';
import { keepPauses } from './pause-watch.ts';
import { planPolicy } from './plan-policy.ts';
import { planOf, resumePlan, startPlan, tellBlocked, type PlanRunner } from './plan-runner.ts';
import { changeReads } from './read-list.ts';
import { RegionalKeeper } from './regional-keeper.ts';
import { SeenSince } from './seen-since.ts';

const busyMs = 500;
/** Whoever is not on duty looks a little later, so that the one who is does not wait for ZooKeeper, the servers and the lock because of it. */
const offDutyMs = 40;
/** A plan that another coordinator runs changes something every few milliseconds; the end of its lock wakes whoever may go on with it. */
const elsewhereMs = 150;
/** What a plan writes again and again is news to the other coordinators so much later at the latest. */
const planWritesMs = 100;

/** Looks after one group: whatever changes, it looks at everything again, decides, and acts under the group's lock. */
export class GroupWorker {
  readonly #group: string;
  readonly #deps: GroupWorkerDeps;
  readonly #signal: AbortSignal;
  readonly #alarm: Alarm;
  readonly #watches: MemberWatches;
  readonly #seenSince: SeenSince;
  readonly #readMemory = newReadMemory();
  readonly #told: Told = new Map();
  readonly #regions: RegionalKeeper;
  readonly #sight: GroupSight;
  readonly #distrust: DistrustDesk;
  /** Tasks are read when they changed, not at each look: ended ones are kept for a while, and there may be many. */
  #tasksUnread = true;
  /** At the last look, another coordinator was running the group's plan. */
  #isRunElsewhere = false;

  constructor(group: string, deps: GroupWorkerDeps, signal: AbortSignal) {
    this.#group = group;
    this.#deps = deps;
    this.#signal = signal;
    this.#alarm = new Alarm(deps.runner.clock, signal);
    this.#seenSince = new SeenSince(deps.runner.clock);
    this.#sight = new GroupSight(group, deps);
    this.#distrust = new DistrustDesk(deps.runner, deps.tickMs);
    this.#watches = new MemberWatches(deps.runner.coordination, this.#alarm.ring, signal);
    this.#regions = new RegionalKeeper(group, deps, signal);
  }

  /** For plans: one that fails for want of sight is left to others. */
  get #runner(): PlanRunner {
    return { ...this.#deps.runner, isBlind: (signal) => this.#sight.isBlind(signal) };
  }

  /** The tasks may have changed: look now, at them, too. */
  wake(): void {
    this.#tasksUnread = true;
    this.#alarm.ring();
  }

  async run(): Promise<void> {
    const { coordination, log } = this.#deps.runner;
    for (const path of [
      znodes.group(this.#group),
      znodes.master(this.#group),
      znodes.white(this.#group),
      znodes.policy(this.#group),
      znodes.approval(this.#group),
      znodes.ack(this.#group),
    ]) {
      coordination.watchData(path, this.#alarm.ring, this.#signal);
    }
    for (const path of [znodes.route, znodes.journal, znodes.lock])
      coordination.watchData(path(this.#group), this.#alarm.ring, this.#signal, planWritesMs);
    // Beside this loop: servers of other regions may take seconds to answer, and a failover must not wait for them.
    const regions = this.#regions.run();
    while (!this.#signal.aborted) {
      const nextMs = await this.#look().catch((thrown: unknown) => {
        if (this.#signal.aborted) return 0;
        const error = toDcmhaError(thrown);
        log.warn('group not looked after', { group: this.#group, code: error.code, error: error.message });
        if (hasCode(error, 'ZNODE_MALFORMED')) this.#tellMalformed(error.message);
        return busyMs;
      });
      await this.#alarm.wait(nextMs);
      if (!this.#deps.onDuty())
        await this.#deps.runner.clock.pause(this.#isRunElsewhere ? elsewhereMs : offDutyMs, this.#signal);
    }
    await regions;
  }

  /** One round; returns after how many ms the next is due at the latest. */
  async #look(): Promise<number> {
    const { coordination } = this.#deps.runner;
    const [journal, own] = await Promise.all([
      readJournal(coordination, this.#group),
      readPolicy(coordination, this.#group),
    ]);
    if (journal !== undefined) {
      this.#regions.see(undefined);
      return this.#continuePlan(journal);
    }
    this.#isRunElsewhere = false;
    this.#deps.runner.alerts.end(
      'plan-blocked',
      { group: this.#group },
      `${this.#group}: no plan is blocked any more`,
    );
    const seen = await observe(this.#group, this.#deps.observer, this.#signal);
    const snapshot = { ...seen, seenFor: this.#seenSince.look(seen) };
    this.#watches.follow(snapshot.members.map(({ member }) => member.id));
    if (this.#tasksUnread && (await this.#doTask(snapshot))) return 0;
    const decision = decide(snapshot, failoverPolicy(this.#deps.policy, own));
    if (this.#deps.onDuty() && decision.kind !== 'failover') {
      await keepPauses(snapshot, this.#deps.runner);
      await this.#distrust.tell(snapshot);
    }
    this.#regions.see(decision.kind === 'nothing' ? snapshot : undefined);
    return Math.min(await this.#act(decision, snapshot), await this.#keepReads(snapshot, own));
  }

  /** True when a task was done, and there may be another. */
  async #doTask(snapshot: GroupSnapshot): Promise<boolean> {
    this.#tasksUnread = false;
    // The lock is a node that wakes us: it is taken only when there is something to do.
    if ((await openTask(this.#deps.runner.coordination, this.#group)) === undefined) return false;
    this.#tasksUnread = true;
    return this.#locked(async () => {
      if (!(await this.#isAsSeen(snapshot))) return true;
      return runTasks(snapshot, { ...this.#deps, runner: this.#runner }, this.#signal);
    });
  }

  /** Under the lock: another coordinator may have had it since, and a plan may have run. */
  async #isAsSeen({ primary: seen }: GroupSnapshot): Promise<boolean> {
    const { coordination } = this.#deps.runner;
    await coordination.sync(znodes.master(this.#group));
    const [primary, journal] = await Promise.all([
      readPrimary(coordination, this.#group),
      readJournal(coordination, this.#group),
    ]);
    return journal === undefined && primary?.epoch === seen?.epoch;
  }

  async #act(decision: Decision, snapshot: GroupSnapshot): Promise<number> {
    if (decision.kind !== 'step-back') this.#sight.tellSeeing();
    if (this.#deps.onDuty()) await tellOfDecision(decision, snapshot, this.#deps.runner, this.#told);
    switch (decision.kind) {
      case 'nothing':
        if (this.#deps.onDuty()) await tellOfHealth(snapshot, this.#deps.runner, this.#told);
        return this.#deps.tickMs;
      case 'look-again':
        return decision.afterMs;
      case 'step-back':
        this.#sight.tellBlind(decision.seen);
        return busyMs;
      case 'alert':
        return Math.min(decision.afterMs ?? this.#deps.tickMs, this.#deps.tickMs);
      case 'refuse':
        return this.#deps.tickMs;
      case 'failover':
        return (await this.#locked(() => this.#failOver(decision, snapshot))) ? 0 : busyMs;
    }
  }

  /** Under the lock: nothing that the decision stands on may have changed meanwhile. */
  async #failOver(
    decision: Extract<Decision, { kind: 'failover' }>,
    snapshot: GroupSnapshot,
  ): Promise<boolean> {
    const { coordination, log } = this.#deps.runner;
    const [isAsSeen, own] = await Promise.all([
      this.#isAsSeen(snapshot),
      readPolicy(coordination, this.#group),
    ]);
    if (!isAsSeen) return false;
    log.warn('failover begins', { group: this.#group, cause: decision.cause, seen: decision.seen });
    const policy = planPolicy(this.#deps.policy, own);
    const plan = automaticFailover(decision, snapshot, { by: this.#deps.runner.by, policy });
    this.#deps.runner.alerts.event(
      'failover-started',
      { group: this.#group, host: plan.inputs.oldPrimary },
      `${this.#group}: failover from ${plan.inputs.oldPrimary} begins (${decision.cause})`,
    );
    await startPlan(plan, this.#runner, this.#signal);
    return true;
  }

  async #continuePlan(journal: JournalState): Promise<number> {
    const { alerts, log } = this.#deps.runner;
    if (journal.kind === 'unknown-program') {
      const text = `the running plan of ${this.#group} was written by a newer dcmha (program ${journal.program}): upgrade this coordinator`;
      alerts.raise('plan-blocked', { group: this.#group }, text, { reason: 'journal-of-newer-program' });
      return this.#deps.tickMs;
    }
    const { clock } = this.#deps.runner;
    const plan = withoutStaleApproval(planOf(journal.journal), clock.now());
    const wanted = next(plan);
    if (wanted.kind === 'blocked') {
      // Taking it over where nothing can go on would only wake the other coordinators.
      if (!this.#deps.onDuty()) return this.#deps.tickMs;
      if (await this.#unblock(plan, journal)) return 0;
      tellBlocked(plan, wanted, this.#deps.runner);
      return this.#deps.tickMs;
    }
    // Not under the lock, which would keep the others from it.
    if (this.#sight.wasBlind && (await this.#sight.isBlind(this.#signal))) return this.#deps.tickMs;
    const resumed = await this.#locked(async () => {
      // The plan may have ended between the look and the lock.
      const now = await readJournal(this.#deps.runner.coordination, this.#group);
      if (now?.kind !== 'running' || (await this.#sight.isBlind(this.#signal))) return false;
      await resumePlan(now, this.#runner, this.#signal);
      return true;
    });
    this.#isRunElsewhere = !resumed;
    if (!resumed) log.debug('another coordinator runs the plan', { group: this.#group });
    return resumed ? 0 : busyMs;
  }

  /** True when it can go on, as the group is now. */
  async #unblock(plan: Plan, { version }: JournalState): Promise<boolean> {
    const { coordination, log } = this.#deps.runner;
    const snapshot = await observe(this.#group, this.#deps.observer, this.#signal);
    this.#watches.follow(snapshot.members.map(({ member }) => member.id));
    const again = unblocked(plan, snapshot);
    if (again === undefined) return false;
    const what = again.abandonedBy === undefined ? 'retried' : 'abandoned';
    log.warn('a blocked plan goes on', { group: this.#group, plan: plan.id, what, for: again.abandonedBy });
    return this.#locked(async () => {
      await saveJournal(coordination, again, version);
      return true;
    });
  }

  async #keepReads(snapshot: GroupSnapshot, own: PolicyOverrides): Promise<number> {
    if (!this.#deps.onDuty()) return this.#deps.tickMs;
    const policy = { graceMs: this.#deps.replicaGraceMs, lag: lagPolicy(this.#deps.lag, own.lag) };
    const changes = decideReads(snapshot, policy, this.#readMemory, this.#deps.runner.clock.monotonic());
    if (changes.lost.length + changes.returned.length > 0)
      await changeReads(changes, snapshot, this.#deps.runner);
    return Math.min(changes.lookAgainMs ?? this.#deps.tickMs, this.#deps.tickMs);
  }

  /** Does `work` while holding the group's lock; false when another coordinator holds it, or there is no reason to. */
  async #locked(work: () => Promise<boolean>): Promise<boolean> {
    const { coordination, by, clock } = this.#deps.runner;
    const lock = await acquireLock(coordination, this.#group, { by, now: clock.now() });
    if (lock === undefined) return false;
    try {
      return await work();
    } finally {
      await lock.release().catch((error: unknown) => {
        // The session is gone, and the lock with it.
        this.#deps.runner.log.debug('lock not released', {
          group: this.#group,
          error: toDcmhaError(error).message,
        });
      });
    }
  }

  #tellMalformed(text: string): void {
    this.#deps.runner.alerts.raise('malformed-data', { group: this.#group }, text);
  }
}
