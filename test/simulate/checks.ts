import { formatGtid } from '../../src/core/gtid/gtid.ts';
import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../../src/core/gtid/gtid-set.ts';
import { lackOf } from '../../src/core/plan/by-hand.ts';
import { knownLoss } from '../../src/core/plan/failover.ts';
import { outcomeAs, planSchema, type ByHandPlan, type Plan } from '../../src/core/plan/plan.ts';
import { znodes } from '../../src/core/store/znodes.ts';
import type { SimMember } from './sim-member.ts';
import type { SimServer } from './sim-mysql-server.ts';
import type { World } from './world.ts';

/** What must hold after each event. */
export class Checks {
  readonly #world: World;
  /** The primary, and its epoch, whose opening was looked at last. */
  #opened = '';
  /** Acknowledged writes that a record says, or admits that it may be, lost. */
  #lost: GtidSet = EMPTY_GTID_SET;

  constructor(world: World) {
    this.#world = world;
  }

  /** Acknowledged writes that are gone and that a record tells of. */
  get lost(): GtidSet {
    return this.#lost;
  }

  look(): void {
    const { ground } = this.#world;
    if (!ground.isDirty) return;
    ground.isDirty = false;
    this.#oneRoutedWriter();
    this.#oneWriterPastTheLease();
    this.#nothingLostSilently();
  }

  /** Acknowledged writes that the primary lacks and no record tells of. */
  missingAt(server: SimServer): GtidSet {
    return this.#world.acknowledged.subtract(server.executed).subtract(this.#lost);
  }

  /** Names can be taken by others: what was acknowledged is there by what it was. */
  lookAtContent(): void {
    const primary = this.#world.primary();
    if (primary === undefined) return;
    const { history } = primary.server;
    const gone = this.#world.acknowledgedWrites.find(
      (write) => !history.has(write) && !this.#lost.has(write.gtid),
    );
    if (gone !== undefined)
      this.#world.ground.violation(
        `acknowledged, and another stands for it at ${primary.id}: ${formatGtid(gone.gtid)}`,
      );
  }

  /** Promise 1: never two servers that take writes through routes. */
  #oneRoutedWriter(): void {
    const { routers, ground } = this.#world;
    const routed = new Set<string>();
    for (const { haproxy } of routers) {
      if (haproxy.open !== undefined) routed.add(haproxy.open);
      for (const { server } of haproxy.sessions) routed.add(server.name);
    }
    const writable = [...routed].filter((name) => ground.servers.get(name)?.isWritable === true);
    if (writable.length > 1) ground.violation(`two writers through routes: ${writable.sort().join(', ')}`);
  }

  /** Whoever goes round the routers is protected by the agent, as long as there is one that runs. */
  #oneWriterPastTheLease(): void {
    const { members, ground } = this.#world;
    const writable = members.filter(({ server }) => server.isWritable);
    if (writable.length < 2) return;
    const primary = this.#world.primary();
    const wrong = writable.filter((member) => member !== primary && !this.#isExcused(member));
    if (wrong.length === 0) return;
    const names = writable.map(({ host }) => host).join(', ');
    ground.violation(
      `two servers are writable: ${names}; ${wrong.map(({ host }) => host).join(', ')} past its lease`,
    );
  }

  /** Its agent is dead or stopped, or has only just come to itself. */
  #isExcused({ agent, server }: SimMember): boolean {
    const { clock, zookeeper } = this.#world.ground;
    if (!agent.process.isRunning) return true;
    const since = Math.max(agent.process.runningSince, server.runningSince);
    return clock.now - since < zookeeper.sessionTimeoutMs;
  }

  /** Promise 2: what was acknowledged is at the new primary when it opens, or the plan says that it is not. */
  #nothingLostSilently(): void {
    const primary = this.#world.primary();
    const opened = `${primary?.id ?? ''} ${this.#world.epoch()}`;
    if (primary?.server.isWritable !== true || opened === this.#opened) return;
    this.#opened = opened;
    const missing = this.missingAt(primary.server);
    if (missing.isEmpty()) return;
    const silent = missing.subtract(this.#toldOf(missing));
    if (!silent.isEmpty())
      this.#world.ground.violation(
        `acknowledged and lost without a word at ${primary.id}: ${silent.toCompactString()}`,
      );
    this.#lost = this.#lost.union(missing);
    this.#world.ground.note(`lost, and told of: ${missing.toCompactString()}`);
  }

  /** Which of these the running plan names, or admits that it could not know. */
  #toldOf(missing: GtidSet): GtidSet {
    const plan = this.#runningPlan();
    if (plan?.kind === 'by-hand') return toldByHand(plan, missing);
    if (plan?.kind !== 'failover') return EMPTY_GTID_SET;
    // Under `semiSync.mode: required` a failover that nobody ordered loses nothing that was acknowledged, told or not.
    if (plan.inputs.durable === true && plan.inputs.to === undefined) return EMPTY_GTID_SET;
    const named = parseGtidSet(knownLoss(plan).missing);
    if (outcomeAs(plan, 'catch-up', 'not-caught-up') === undefined) return named;
    const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
    const held = positions
      .filter(({ error }) => error === undefined)
      .map(({ executed, retrieved }) => parseGtidSet(executed).union(parseGtidSet(retrieved)))
      .reduce((all, one) => all.union(one), EMPTY_GTID_SET);
    return missing.subtract(held).union(named);
  }

  #runningPlan(): Plan | undefined {
    const text = this.#world.ground.zookeeper.tree.get(znodes.journal('g1'))?.data.toString('utf8') ?? '';
    return text === '' ? undefined : planSchema.safeParse(JSON.parse(text)).data;
  }
}

/** Where the former primary could not be asked, the record does not claim to know; the operator who named the new one does. */
function toldByHand(plan: ByHandPlan, missing: GtidSet): GtidSet {
  const wasAsked = outcomeAs(plan, 'fence', 'fenced')?.executed !== undefined;
  return wasAsked ? parseGtidSet(lackOf(plan).missing) : missing;
}
