import { whyWithoutGtids } from '../../core/decide/gtid-mode.ts';
import { replicationHealth } from '../../core/decide/replication.ts';
import { formatEndpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { Member, ReplicationHealth } from '../../core/model/group.ts';
import { catchUpChannel } from '../../core/perform/catch-up-standing.ts';
import { clearRejoinMark } from '../../core/store/marks.ts';
import type { BurntCheck } from './burnt.ts';
import type { ChannelKeeper } from './channels.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import { PrimaryComparison } from './comparison.ts';
import { ErrantReturn } from './errant-return.ts';
import { forgetFormerSource } from './former-source.ts';
import type { LagGauge } from './lag.ts';
import { requireLeave } from './leave.ts';
import type { Due } from './replica-state.ts';
import type { Rejoiner, RejoinState } from './rejoin.ts';
import { SourceChoice } from './source.ts';
import { StandingOut } from './standing-out.ts';
import { StartDue } from './start-due.ts';
import type { GroupView } from './view.ts';
import { Alarm } from '../alarm.ts';

const sqlMs = 10_000;
const firstRetryMs = 500;
const longestRetryMs = 30_000;
const calmMs = 5000;

/**
 * Keeps a replica on its recorded primary: starts replication after mysqld did, and follows a new primary when this server holds
 * nothing that the primary lacks. While a plan runs or the group is paused, nothing is touched.
 */
export class ReplicaKeeper {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #local: LocalServer;
  #alarm: Alarm | undefined;
  readonly #lag: LagGauge;
  readonly #rejoiner: Rejoiner | undefined;
  readonly #burnt: BurntCheck | undefined;
  readonly #channels: ChannelKeeper | undefined;
  readonly #comparison: PrimaryComparison;
  readonly #errantReturn: ErrantReturn;
  /** Replication was started here, and it was not looked yet whether a plan had begun meanwhile. */
  #hasStarted = false;
  readonly #out: StandingOut;
  readonly #source: SourceChoice;
  readonly #startDue: StartDue;
  #retryMs = firstRetryMs;

  constructor(
    deps: AgentDeps,
    parts: {
      readonly view: GroupView;
      readonly local: LocalServer;
      readonly lag: LagGauge;
      readonly rejoiner?: Rejoiner;
      readonly burnt?: BurntCheck;
      readonly channels?: ChannelKeeper;
    },
  ) {
    this.#deps = deps;
    this.#rejoiner = parts.rejoiner;
    this.#burnt = parts.burnt;
    this.#channels = parts.channels;
    this.#view = parts.view;
    this.#local = parts.local;
    this.#lag = parts.lag;
    this.#out = new StandingOut(deps.clock, parts.local);
    this.#comparison = new PrimaryComparison(deps, parts);
    this.#errantReturn = new ErrantReturn(deps, { ...parts, out: this.#out, comparison: this.#comparison });
    this.#source = new SourceChoice(deps, parts);
    this.#startDue = new StartDue(parts.local);
  }

  readonly wake = (): void => this.#alarm?.ring();

  /** How the replica does; undefined for a primary, and for a server that does not answer. */
  health(): ReplicationHealth | undefined {
    const { status, verdict } = this.#local;
    if (status === undefined || verdict.verdict !== 'up' || this.#primary() === undefined) return undefined;
    const health = replicationHealth(status, this.#lag.told(status));
    const error = this.#whyUnfit();
    return error === undefined ? health : { ...health, state: 'errant', error };
  }

  /** What is in the way of going on says more than that it goes on. */
  #whyUnfit(): string | undefined {
    const why = this.#out.why(this.#view.facts?.record?.epoch);
    return why ?? this.#rejoiner?.going ?? this.#burnt?.question;
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    while (!signal.aborted) {
      try {
        await this.#rejoiner?.cede(signal);
        await forgetFormerSource(this.#deps, { view: this.#view, local: this.#local }, signal);
        if (this.#mayAct()) await this.#channels?.clear(signal);
        await this.#step(signal);
        this.#retryMs = firstRetryMs;
        await alarm.wait(calmMs);
      } catch (thrown) {
        const error = toDcmhaError(thrown);
        this.#deps.log.warn('replication not restored; trying again', {
          code: error.code,
          error: error.message,
        });
        await this.#deps.clock.pause(this.#retryMs, signal);
        this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
      }
    }
  }

  /** Where the recorded primary is, when it is somebody else. */
  #primary(): Member | undefined {
    const id = this.#view.facts?.record?.id;
    if (id === undefined || id === this.#view.self) return undefined;
    return this.#view.members?.find((member) => member.id === id);
  }

  /** False while somebody else is in charge of replication, or this server is not fit for it. */
  #mayAct(): boolean {
    const { facts } = this.#view;
    const { verdict, writable, status } = this.#local;
    return (
      facts?.planRunning === false &&
      !facts.paused &&
      whyWithoutGtids(status) === undefined &&
      verdict.verdict === 'up' &&
      writable === false
    );
  }

  async #step(signal: AbortSignal): Promise<void> {
    await this.#yieldToPlan(signal);
    const due = await this.#stillDue(signal);
    if (due === undefined) return;
    const begun = await this.#rejoiner?.resume(due.primary, signal);
    if (!this.#mayFollow(begun, due)) return;
    const decision = (await this.#mustFollow(signal)) ? 'follow' : due.decision;
    if (decision === 'start') await this.#start(signal);
    if (decision === 'follow' && !(await this.#follow(due, signal))) return;
    if (await this.#yieldToPlan(signal)) return;
    this.#mayFollow(await this.#rejoiner?.followed(due.primary, signal), due);
    this.#local.checkNow();
  }

  /**
   * What the record and the plans are is asked once more, for a coordinator may just have taken over; and where the server replicates from, for the plan
   * that has just ended may have seen to that: commits may wait for a receiver that is stopped for nothing.
   */
  async #stillDue(signal: AbortSignal): Promise<Due | undefined> {
    const first = this.#due();
    if (first === undefined) return undefined;
    await this.#view.refresh();
    await this.#local.refresh(signal);
    const due = this.#due();
    return due?.epoch === first.epoch ? due : undefined;
  }

  /** Whether replicating is not enough: a return waits for that, or the same GTIDs stand for other transactions here than on the primary. */
  async #mustFollow(signal: AbortSignal): Promise<boolean> {
    if (this.#rejoiner?.awaitsFollow === true) return true;
    if (this.#burnt?.question === undefined || this.#rejoiner?.going !== undefined) return false;
    const status = await this.#deps.mysql.status(this.#local.endpoint, { timeoutMs: sqlMs, signal });
    return !(await this.#burnt.originals(status)).isEmpty();
  }

  /** False when this server stays out: then that is remembered. */
  #mayFollow(state: RejoinState | undefined, { epoch }: Due): boolean {
    if (state === undefined || state.kind === 'ready') return true;
    this.#out.remember({ epoch, gtids: state.errant, why: state.why, until: this.#out.untilOf(state) });
    return false;
  }

  /** What is to be done, and for which primary. */
  #due(): Due | undefined {
    const recorded = this.#primary();
    const record = this.#view.facts?.record;
    if (
      recorded === undefined ||
      record === undefined ||
      this.#out.isInForce(record.epoch) ||
      !this.#mayAct()
    )
      return undefined;
    const { epoch, id: primaryId } = record;
    const source = this.#source.choose(recorded);
    const due = { primary: recorded.endpoint, primaryId, epoch, recorded, source };
    const decision = this.#startDue.decide(source.endpoint, epoch);
    if (decision !== 'leave') return { decision, ...due };
    const isPending = this.#rejoiner?.pending === true || this.#burnt?.question !== undefined;
    return isPending ? { decision: 'rejoin', ...due } : undefined;
  }

  async #start(signal: AbortSignal): Promise<void> {
    this.#deps.log.info('starting replication');
    await this.#dropCatchUp(signal);
    this.#hasStarted = true;
    await this.#deps.mysql.startReplication(this.#local.endpoint, '', { timeoutMs: sqlMs });
    this.#startDue.started();
  }

  /** A plan that began since this agent looked has stopped the receiver and read its position: it is stopped again. */
  async #yieldToPlan(signal: AbortSignal): Promise<boolean> {
    if (!this.#hasStarted) return false;
    const isPlanRunning = (await this.#view.refresh())?.planRunning !== false;
    if (isPlanRunning) {
      this.#deps.log.info('a plan has begun: the receiver is stopped again');
      await this.#deps.mysql.stopReceiver(this.#local.endpoint, '', { timeoutMs: sqlMs, signal });
      this.#startDue.forget();
    }
    this.#hasStarted = false;
    return isPlanRunning;
  }

  /** This server was elected once, and ended while it fetched what only the primary before had: its channel is left. */
  async #dropCatchUp(signal: AbortSignal): Promise<void> {
    const isLeft = this.#local.status?.channels.some(({ name }) => name === catchUpChannel) === true;
    const options = { timeoutMs: sqlMs, signal };
    if (isLeft) await this.#deps.mysql.resetReplication(this.#local.endpoint, catchUpChannel, options);
  }

  /** False when this server stays out. */
  async #follow(due: Due, signal: AbortSignal): Promise<boolean> {
    const { mysql, log, coordination } = this.#deps;
    const { primary, epoch, recorded } = due;
    if (!(await this.#source.isWorthIt(due.source, recorded, signal))) return false;
    this.#startDue.halt(due.source.endpoint, epoch);
    await this.#comparison.drain(signal);
    const errant = await this.#comparison.errant(primary, signal);
    if (errant !== '' && !(await this.#errantReturn.bringBack(due, errant, signal))) return false;
    const { endpoint: source } = await this.#source.settle(due.source, recorded, signal);
    // The answers may have come late: this server may be the primary itself by now.
    await requireLeave(this.#view, signal, epoch);
    log.info('following', { source: formatEndpoint(source), primary: formatEndpoint(primary), epoch });
    const options = { timeoutMs: sqlMs, signal };
    await this.#dropCatchUp(signal);
    this.#hasStarted = true;
    await mysql.follow(this.#local.endpoint, { source, channel: '' }, options);
    this.#startDue.started();
    await clearRejoinMark(coordination, this.#view.self);
    this.#out.forget();
    return true;
  }
}
