import {
  decideReplication,
  defaultChannel,
  isRunning,
  replicationHealth,
  type ReplicationDecision,
} from '../core/decide/replication.ts';
import { parseGtidSet } from '../core/gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../core/model/endpoint.ts';
import { toDcmhaError } from '../core/model/errors.ts';
import type { ReplicationHealth } from '../core/model/group.ts';
import { clearRejoinMark } from '../core/store/marks.ts';
import type { LocalServer } from './agent-checks.ts';
import type { AgentDeps } from './agent-deps.ts';
import type { GroupView } from './agent-view.ts';
import { Alarm } from './alarm.ts';

const sqlMs = 10_000;
const confirmAfterMs = 1000;
const firstRetryMs = 500;
const longestRetryMs = 30_000;
const calmMs = 5000;
/** What a replica has received it may still have to apply; after this it is compared as it stands. */
const drainMs = 10_000;

interface Due {
  readonly decision: ReplicationDecision;
  readonly primary: Endpoint;
  readonly epoch: number;
}

/**
 * Keeps a replica on its recorded primary: starts replication after mysqld did, and follows a new primary when this server holds
 * nothing that the primary lacks. While a plan runs or the group is paused, nothing is touched.
 */
export class ReplicaKeeper {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #local: LocalServer;
  #alarm: Alarm | undefined;
  #health: ReplicationHealth | undefined;
  /** Transactions of this server that the primary of `epoch` lacks, confirmed. */
  #errant: { readonly epoch: number; readonly gtids: string } | undefined;
  /** What was in force when the channel was last seen running, so that a change makes it due again. */
  #settled = '';
  #retryMs = firstRetryMs;

  constructor(deps: AgentDeps, parts: { readonly view: GroupView; readonly local: LocalServer }) {
    this.#deps = deps;
    this.#view = parts.view;
    this.#local = parts.local;
  }

  readonly wake = (): void => this.#alarm?.ring();

  /** How the replica does; undefined for a primary, and for a server that does not answer. */
  health(): ReplicationHealth | undefined {
    const { status, verdict } = this.#local;
    if (status === undefined || verdict.verdict !== 'up' || this.#primary() === undefined) return undefined;
    this.#health = replicationHealth(status, this.#health);
    if (this.#errant === undefined || this.#errant.epoch !== this.#view.facts?.record?.epoch)
      return this.#health;
    const count = parseGtidSet(this.#errant.gtids).count().toString();
    const error = `${count} transactions that the primary lacks: ${this.#errant.gtids}`;
    return { ...this.#health, state: 'errant', error };
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    while (!signal.aborted) {
      try {
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
  #primary(): Endpoint | undefined {
    const id = this.#view.facts?.record?.id;
    if (id === undefined || id === this.#view.self) return undefined;
    return this.#view.members?.find((member) => member.id === id)?.endpoint;
  }

  /** False while somebody else is in charge of replication, or this server is not fit for it. */
  #mayAct(): boolean {
    const { facts } = this.#view;
    const { verdict, writable } = this.#local;
    return (
      facts !== undefined &&
      !facts.planRunning &&
      !facts.paused &&
      verdict.verdict === 'up' &&
      writable === false
    );
  }

  async #step(signal: AbortSignal): Promise<void> {
    const due = this.#due();
    if (due === undefined) return;
    // What the record and the plans are is asked once more: a coordinator may just have taken over.
    await this.#view.refresh();
    if (this.#due()?.epoch !== due.epoch) return;
    if (due.decision === 'start') await this.#start();
    else await this.#follow(due.primary, due.epoch, signal);
    this.#local.checkNow();
  }

  /** What is to be done, and for which primary. */
  #due(): Due | undefined {
    const primary = this.#primary();
    const epoch = this.#view.facts?.record?.epoch;
    if (primary === undefined || epoch === undefined || this.#errant?.epoch === epoch) return undefined;
    const decision = this.#mayAct() ? this.#decide(primary, epoch) : 'leave';
    return decision === 'leave' ? undefined : { decision, primary, epoch };
  }

  #decide(primary: Endpoint, epoch: number): ReplicationDecision {
    const { status, incarnation } = this.#local;
    if (status === undefined) return 'leave';
    const situation = `${incarnation} ${epoch} ${formatEndpoint(primary)}`;
    const channel = defaultChannel(status);
    if (isRunning(channel) && sameEndpoint(channel?.source, primary)) this.#settled = situation;
    return decideReplication(status, primary, { fresh: this.#settled !== situation });
  }

  async #start(): Promise<void> {
    this.#deps.log.info('starting replication');
    await this.#deps.mysql.startReplication(this.#local.endpoint, '', { timeoutMs: sqlMs });
  }

  async #follow(primary: Endpoint, epoch: number, signal: AbortSignal): Promise<void> {
    const { mysql, log, coordination } = this.#deps;
    const server = this.#local.endpoint;
    await this.#drain(signal);
    const errant = await this.#compare(primary, signal);
    if (errant !== '') {
      this.#errant = { epoch, gtids: errant };
      log.error('this server has transactions that the primary lacks; it stays out, read-only', {
        primary: formatEndpoint(primary),
        gtids: errant,
      });
      return;
    }
    log.info('following the recorded primary', { primary: formatEndpoint(primary), epoch });
    await mysql.follow(server, { source: primary, channel: '' }, { timeoutMs: sqlMs, signal });
    await clearRejoinMark(coordination, this.#view.self);
  }

  /** What an old source's receiver has fetched is applied first: it would be afterwards, and must be compared, too. */
  async #drain(signal: AbortSignal): Promise<void> {
    const { mysql } = this.#deps;
    const server = this.#local.endpoint;
    const channel = defaultChannel(await mysql.status(server, { timeoutMs: sqlMs, signal }));
    if (channel === undefined) return;
    await mysql.stopReceiver(server, '', { timeoutMs: sqlMs, signal });
    if (channel.applier !== 'on' || channel.retrieved === '') return;
    await mysql.waitExecuted(server, channel.retrieved, { timeoutMs: drainMs, signal });
  }

  /**
   * What this server has executed and the primary has not: read here first, then there, for the primary goes on; and once more before
   * it is believed. '' for nothing.
   */
  async #compare(primary: Endpoint, signal: AbortSignal): Promise<string> {
    const first = await this.#lacking(primary, signal);
    if (first === '') return '';
    await this.#deps.clock.pause(confirmAfterMs, signal);
    return this.#lacking(primary, signal);
  }

  async #lacking(primary: Endpoint, signal: AbortSignal): Promise<string> {
    const options = { timeoutMs: sqlMs, signal };
    const own = await this.#deps.mysql.status(this.#local.endpoint, options);
    const theirs = await this.#deps.mysql.status(primary, options);
    return parseGtidSet(own.executed).subtract(parseGtidSet(theirs.executed)).toCompactString();
  }
}
