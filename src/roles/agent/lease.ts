import {
  askDueAt,
  extendLease,
  inNewSession,
  isOver,
  leaseLeftMs,
  leaseTerms,
  NO_LEASE,
  renewLease,
  type Lease,
  type LeaseTerms,
} from '../../core/lease.ts';
import type { GroupFacts } from '../../core/decide/writer.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { AgentMemory } from '../../core/model/agent-memory.ts';
import { writeWatermark } from '../../core/store/watermark.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { AgentDeps } from './deps.ts';
import type { AgentRecall } from './memory.ts';
import type { GroupView } from './view.ts';
import { refused, type EpochOf } from './refusal.ts';
import { WatermarkTrail, type Progress } from './watermark.ts';
import { Alarm } from '../alarm.ts';
import { SideWork } from '../side-work.ts';
import { StandbyProof } from './standby-proof.ts';

export type LeasePeers = NonNullable<AgentMemory['opened']>['peers'];

/** One primary's time in office, on this host. */
interface Tenure extends EpochOf {
  /** The ZooKeeper session in which it was found that the office is ours. */
  session: string | undefined;
  lease: Lease;
}

export interface LeaseParts {
  readonly view: GroupView;
  readonly recall: AgentRecall;
  /** What the server beside us is and has executed, and how its commits are acknowledged, as last seen. */
  readonly progress: () => Progress;
  /** Makes sure that nothing is written here any more, by `deadline` (monotonic, ms). */
  readonly close: (deadline: number) => Promise<unknown>;
  /** Asks the agents of those who could be promoted; resolves to who refused and why, or undefined when all accepted. */
  readonly ask: (peers: LeasePeers, epoch: EpochOf, timing: AskTiming) => Promise<string | undefined>;
}

export interface AskTiming {
  readonly leaseMs: number;
  readonly timeoutMs: number;
}

/** While nothing succeeds, it is tried again after this. */
const retryMs = 100;
const idleMs = 60_000;

/**
 * Keeps the lease of a primary's agent: renews it by writing the watermark, asks the others when ZooKeeper is away, and closes writes when
 * it is over. Each of these goes on beside the loop, so that none delays the look at the clock.
 */
export class LeaseKeeper {
  readonly #deps: AgentDeps;
  readonly #parts: LeaseParts;
  #alarm: Alarm | undefined;
  #tenure: Tenure | undefined;
  readonly #trail = new WatermarkTrail();
  #adopted = false;
  readonly #standby: StandbyProof;
  readonly #renewing = new SideWork();
  readonly #asking = new SideWork();
  readonly #closing = new SideWork();
  readonly #trouble = new Trouble();
  #accepted = false;

  constructor(deps: AgentDeps, parts: LeaseParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#standby = new StandbyProof(deps, () => parts.view.self);
  }

  get tenure(): EpochOf | undefined {
    return this.#tenure;
  }

  get terms(): LeaseTerms {
    return leaseTerms(this.#deps.coordination.sessionTimeoutMs());
  }

  over(): boolean {
    return isOver(this.#tenure?.lease, this.#deps.clock.monotonic());
  }

  leftMs(): number {
    return leaseLeftMs(this.#tenure?.lease, this.#deps.clock.monotonic());
  }

  /**
   * Takes office: a first renewal in `session`, which {@link presenceThenFacts} gave before the record was read. Refused when the session
   * changed, or when that took longer than the lease.
   */
  async begin(epoch: EpochOf, session: string): Promise<void> {
    const before = this.#tenure;
    const sent = before?.session === session ? before.lease.sent : this.#standby.sentIn(session);
    const same = before?.epoch === epoch.epoch && before.group === epoch.group;
    const tenure: Tenure = {
      ...epoch,
      session,
      lease: same ? { ...before.lease, sent } : { ...NO_LEASE, sent },
    };
    await this.#renew(tenure);
    this.#tenure = tenure;
    this.#adopted = true;
    this.#plan(tenure);
    if (this.over()) throw refused({ reason: 'no-lease', why: 'the renewal took longer than the lease' });
  }

  /**
   * Writes are open already when this agent starts: the lease of its forerunner is taken to run for once. False when this agent has held or
   * taken a lease before: then nothing excuses an open server without one.
   */
  adopt({ group, epoch }: EpochOf): boolean {
    if (this.#adopted) return false;
    this.#adopted = true;
    const lease = extendLease(NO_LEASE, this.#deps.clock.monotonic(), this.terms);
    const tenure: Tenure = { group, epoch, session: undefined, lease };
    this.#tenure = tenure;
    this.#deps.log.info('open primary found; its lease is kept from now on', { group, epoch });
    this.#plan(tenure);
    return true;
  }

  /** Writes are closed, or were never opened. */
  end(): void {
    this.#tenure = undefined;
  }

  /** Whoever could be promoted instead of this host; undefined when that is not known. */
  peers(): LeasePeers | undefined {
    const { view, recall } = this.#parts;
    if (view.members === undefined) {
      const { opened } = recall;
      return opened?.epoch === this.#tenure?.epoch ? opened?.peers : undefined;
    }
    return view.members
      .filter(({ id, promote }) => id !== view.self && promote !== 'no')
      .map(({ id, agent }) => ({ id, agent }));
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    this.#deps.coordination.onState(() => this.#heedSession(), signal);
    while (!signal.aborted) {
      const next =
        this.#tenure === undefined
          ? this.#standby.look(this.terms.renewEveryMs, alarm)
          : this.#step(this.#tenure);
      await alarm.wait(Math.max(0, Math.min(next - this.#deps.clock.monotonic(), idleMs)));
    }
  }

  #heedSession(): void {
    const tenure = this.#tenure;
    const session = this.#deps.coordination.sessionId();
    if (tenure?.session === undefined || session === undefined || session === tenure.session) return;
    tenure.session = undefined;
    tenure.lease = inNewSession(tenure.lease, this.#deps.clock.monotonic(), this.terms);
    this.#renewing.dueAt = -Infinity;
    this.#alarm?.ring();
  }

  /** Looks at the clock first, starts what is due, and returns when to look again. */
  #step(tenure: Tenure): number {
    const now = this.#deps.clock.monotonic();
    const { lease } = tenure;
    const alarm = this.#alarm;
    if (isOver(lease, now)) return this.#closing.look(now, () => this.#lapse(tenure), alarm);
    const renewAt = this.#renewing.look(now, () => this.#keep(tenure), alarm);
    const askAt = this.#asking.look(now, () => this.#ask(tenure), alarm, askDueAt(lease, this.terms));
    return Math.min(lease.until, renewAt, askAt);
  }

  #plan({ session }: Tenure): void {
    const now = this.#deps.clock.monotonic();
    this.#renewing.dueAt = now + (session === undefined ? 0 : this.terms.renewEveryMs);
    this.#closing.dueAt = this.#asking.dueAt = -Infinity;
    this.#alarm?.ring();
  }

  /** One renewal and when the next is due. */
  async #keep(tenure: Tenure): Promise<void> {
    const { clock, log, coordination } = this.#deps;
    try {
      if (tenure.session === undefined || tenure.session !== coordination.sessionId())
        await this.#establish(tenure);
      this.#renewing.dueAt = (await this.#renew(tenure)) + this.terms.renewEveryMs;
      if (this.#trouble.over()) log.info('lease renewed again', { leftMs: Math.round(this.leftMs()) });
      this.#accepted = false;
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      this.#renewing.dueAt = clock.monotonic() + retryMs;
      if (this.#trouble.isNews(error.message)) {
        const leftMs = Math.round(this.leftMs());
        log.warn('lease not renewed', { code: error.code, error: error.message, leftMs });
      }
    }
  }

  /** Resolves to when it was sent: the next must not follow too soon to count. */
  async #renew(tenure: Tenure): Promise<number> {
    const { clock, coordination } = this.#deps;
    const sentAt = clock.monotonic();
    const at = clock.now();
    const watermark = this.#trail.watermark({ epoch: tenure.epoch, at, ...this.#parts.progress() });
    await writeWatermark(coordination, tenure.group, watermark);
    if (coordination.sessionId() !== tenure.session)
      throw refused({ reason: 'no-presence', why: 'the ZooKeeper session changed meanwhile' });
    tenure.lease = renewLease(tenure.lease, sentAt, this.terms);
    return sentAt;
  }

  /**
   * In a new session, somebody may have seen the presence missing and have begun a failover that counts on our lease being over. The
   * presence stands first, then the journal is read: so either we see their plan, or they see our presence.
   */
  async #establish(tenure: Tenure): Promise<void> {
    const [session, facts] = await this.presenceThenFacts();
    if (session === undefined)
      throw refused({ reason: 'no-presence', why: "this agent's presence does not stand yet" });
    const ours = facts?.record?.id === this.#parts.view.self && facts.record.epoch === tenure.epoch;
    if (!ours || facts.planRunning)
      throw refused({
        reason: ours ? 'plan-running' : 'not-recorded',
        why: 'the record or a plan forbids it',
      });
    tenure.session = session;
  }

  /** The current session, when it holds this host's presence, and what is read after that: requests are answered in their order. */
  presenceThenFacts(): Promise<[session: string | undefined, facts: GroupFacts | undefined]> {
    return Promise.all([this.#presentIn(), this.#parts.view.refresh()]);
  }

  async #presentIn(): Promise<string | undefined> {
    const { coordination } = this.#deps;
    const session = coordination.sessionId();
    const node = await coordination.read(znodes.presence(this.#parts.view.self));
    return node?.owner === session ? session : undefined;
  }

  async #ask(tenure: Tenure): Promise<void> {
    const { clock, log } = this.#deps;
    const { until } = tenure.lease;
    const askedAt = clock.monotonic();
    const { group, epoch } = tenure;
    const timing = { leaseMs: this.terms.acceptMs, timeoutMs: Math.max(1, until - askedAt) };
    const peers = this.peers();
    const refusal =
      peers === undefined ? 'the members are not known' : await this.#refusalOf(peers, tenure, timing);
    if (refusal !== undefined) {
      log.error('no contact with ZooKeeper, and not accepted', { group, epoch, why: refusal });
    } else if (!isOver(tenure.lease, clock.monotonic())) {
      // Never after the end: closing has begun then, and is finished.
      tenure.lease = extendLease(tenure.lease, askedAt, this.terms);
      if (!this.#accepted)
        log.warn('no contact with ZooKeeper; all others accept this primary', { group, epoch });
      this.#accepted = true;
    }
    this.#asking.dueAt = clock.monotonic() + retryMs;
  }

  async #refusalOf(peers: LeasePeers, epoch: EpochOf, timing: AskTiming): Promise<string | undefined> {
    try {
      return await this.#parts.ask(peers, epoch, timing);
    } catch (thrown) {
      return toDcmhaError(thrown).message;
    }
  }

  async #lapse(tenure: Tenure): Promise<void> {
    const { clock, log } = this.#deps;
    const { group, epoch, lease } = tenure;
    const { until } = lease;
    const now = clock.monotonic();
    log.error('the lease is over: closing writes', { group, epoch, overSinceMs: Math.round(now - until) });
    try {
      // After a stop of this process the time may be over already; SQL gets a chance all the same.
      await this.#parts.close(Math.max(until, now - this.terms.fenceMs / 2) + this.terms.fenceMs);
      if (this.#tenure === tenure) this.#tenure = undefined;
    } catch (thrown) {
      log.error('writes could not be closed; trying again', { error: toDcmhaError(thrown).message });
    }
    this.#closing.dueAt = clock.monotonic() + retryMs;
  }
}
