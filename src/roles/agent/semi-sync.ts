import { defaultChannel, isRunning } from '../../core/decide/replication.ts';
import {
  acknowledgementOf,
  decideSource,
  isInForce,
  semiSyncPolicy,
  type Acknowledgement,
  type SemiSyncPolicy,
} from '../../core/decide/semi-sync.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { SemiSyncState } from '../../core/model/group.ts';
import type { SemiSync, SemiSyncSource, SemiSyncStatus } from '../../ports/semi-sync.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import { DurabilityClaims } from './durability.ts';
import { refused, type EpochOf } from './refusal.ts';
import type { GroupView } from './view.ts';
import { Alarm } from '../alarm.ts';

const lookEveryMs = 1000;
const sqlMs = 2000;
const sourceMissing = 'semi-sync is asked for, and its plugin for sources is not loaded';
const replicaMissing = 'semi-sync is asked for, and its plugin for replicas is not loaded';

interface Situation {
  readonly plugins: SemiSync;
  readonly policy: SemiSyncPolicy;
  readonly epoch: EpochOf;
  readonly ack: Acknowledgement;
}

/**
 * Sets the semi-synchronous plugins of this host's server as the group's policy says, whatever they are now: the replica's side where its
 * word is to count, the source's side on the primary. Under `required` it keeps the record of where acknowledged transactions are, which
 * a failover goes by: nothing is claimed there before it is so, and no claim outlives its truth.
 */
export class SemiSyncKeeper {
  readonly #deps: AgentDeps;
  readonly #usual: SemiSyncPolicy;
  readonly #view: GroupView;
  readonly #local: LocalServer;
  readonly #claims: DurabilityClaims;
  #alarm: Alarm | undefined;
  #last: SemiSyncStatus | undefined;
  /** Since mysqld started, so that a count that grew is told from one that began anew. */
  #counted: { readonly incarnation: number; readonly unacknowledged: number } | undefined;
  /** This agent opened the server, so that nothing was committed there before it watched. */
  #hasOpened = false;
  /** It was in force at the look before, too: what began to commit earlier is over. */
  #steady = false;
  #why: string | undefined;

  constructor(
    deps: AgentDeps,
    { semiSync }: Pick<AgentOptions, 'semiSync'>,
    parts: { readonly view: GroupView; readonly local: LocalServer },
  ) {
    this.#deps = deps;
    this.#usual = semiSync;
    this.#view = parts.view;
    this.#local = parts.local;
    this.#claims = new DurabilityClaims(deps, parts);
  }

  readonly wake = (): void => this.#alarm?.ring();

  /** What keeps semi-sync from being as it is asked for. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Why this server must not become the primary. */
  get unfit(): string | undefined {
    const isMissing = this.#last !== undefined && this.#last.source === undefined;
    return this.#policy.mode === 'required' && isMissing ? sourceMissing : undefined;
  }

  /** How it goes on a primary, for the operator. */
  state(): SemiSyncState | undefined {
    const source = this.#last?.source;
    if (this.#policy.mode === 'off' || source === undefined || this.#local.writable !== true)
      return undefined;
    const { on, acks, clients, waiting, acknowledged, unacknowledged } = source;
    return { on: on ? 1 : 0, acks, clients, waiting, acknowledged, unacknowledged };
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    this.#alarm = alarm;
    while (!signal.aborted) {
      await this.#step().catch((thrown: unknown) => {
        const { code, message } = toDcmhaError(thrown);
        this.#steady = false;
        this.#deps.log.debug('semi-sync not looked after', { code, error: message });
      });
      await alarm.wait(lookEveryMs);
    }
  }

  /** Right before writes open under a new epoch: no commit may be missed. Refused with `PEER_REFUSED` without the plugin. */
  async prepare(epoch: EpochOf): Promise<void> {
    const situation = this.#situation(epoch);
    if (situation === undefined) return;
    const { plugins, policy, ack } = situation;
    const { source } = await this.#ask(plugins);
    if (source === undefined) {
      if (policy.mode === 'required') throw refused({ reason: 'unfit', why: sourceMissing });
      return;
    }
    this.#steady = false;
    this.#counted = undefined;
    const open = this.#local.writable === true;
    this.#hasOpened = !open;
    await this.#claims.join(epoch, ack.durability);
    await this.#setSource(source, situation, open);
  }

  async #step(): Promise<void> {
    const { facts } = this.#view;
    const situation =
      facts?.record === undefined
        ? undefined
        : this.#situation({ group: facts.group, epoch: facts.record.epoch });
    if (situation === undefined || this.#local.verdict.verdict === 'dead') {
      this.#why = this.#last = undefined;
      return;
    }
    const now = await this.#ask(situation.plugins);
    switch (this.#office()) {
      case 'primary':
        return this.#keepSource(now.source, situation);
      case 'replica':
        return this.#keepReplica(now, situation);
      case undefined:
        // What an operator does meanwhile may end what is claimed all the same.
        if (this.#isOurs() && this.#isBroken(now.source)) await this.#claims.withdraw(situation.epoch);
        return;
    }
  }

  /** A pause, and no plan, keeps this open primary from being looked after. */
  #isOurs(): boolean {
    const { facts, self } = this.#view;
    return facts?.planRunning === false && facts.record?.id === self && this.#local.writable === true;
  }

  /** What this server is for sure; undefined also while a plan, or an operator, is in charge. */
  #office(): 'primary' | 'replica' | undefined {
    const { facts, self } = this.#view;
    const { writable } = this.#local;
    if (facts?.record === undefined || facts.planRunning || facts.paused) return undefined;
    if (facts.record.id === self) return writable === true ? 'primary' : undefined;
    return writable === false ? 'replica' : undefined;
  }

  /** undefined: the settings are somebody else's. */
  #situation(epoch: EpochOf): Situation | undefined {
    const { semiSync: plugins } = this.#deps;
    const { members, self, facts } = this.#view;
    const policy = this.#policy;
    if (plugins === undefined || members === undefined || policy.mode === 'off') return undefined;
    const primary = facts?.record?.id ?? self;
    return { plugins, policy, epoch, ack: acknowledgementOf(members, primary, policy) };
  }

  get #policy(): SemiSyncPolicy {
    return semiSyncPolicy(this.#usual, this.#view.policy.semiSync);
  }

  async #ask(plugins: SemiSync): Promise<SemiSyncStatus> {
    this.#last = await plugins.status(this.#local.endpoint, { timeoutMs: sqlMs });
    return this.#last;
  }

  async #keepReplica({ source, replica }: SemiSyncStatus, { plugins, ack }: Situation): Promise<void> {
    const { mysql, log } = this.#deps;
    const { endpoint } = this.#local;
    const options = { timeoutMs: sqlMs };
    // The commits of an applier would wait like those of clients.
    if (source?.enabled === true) await plugins.disableSource(endpoint, options);
    const wanted = ack.ackers.includes(this.#view.self);
    this.#why = wanted && replica === undefined ? replicaMissing : undefined;
    if (replica === undefined) return;
    if (replica.enabled !== wanted) {
      await plugins.setReplica(endpoint, wanted, options);
      log.info('acknowledging set', { acknowledges: wanted });
    }
    if (replica.on === wanted || !(await this.#isConnected())) return;
    // One that was just connecting has taken over by now what is set.
    if ((await this.#ask(plugins)).replica?.on === wanted) return;
    log.info('receiver reconnects, for its acknowledging to be as it is set', { acknowledges: wanted });
    await mysql.stopReceiver(endpoint, '', options);
    await mysql.startReplication(endpoint, '', options);
  }

  async #isConnected(): Promise<boolean> {
    await this.#local.refresh();
    const { status } = this.#local;
    const channel = status === undefined ? undefined : defaultChannel(status);
    return channel?.receiver === 'on' && isRunning(channel);
  }

  async #keepSource(now: SemiSyncSource | undefined, situation: Situation): Promise<void> {
    const { plugins, policy, epoch, ack } = situation;
    this.#why = whyNot(now, ack);
    const isBroken = this.#isBroken(now);
    if (policy.mode !== 'required' || now === undefined || isBroken) {
      this.#steady = false;
      await this.#claims.withdraw(epoch);
    } else {
      await this.#claims.join(epoch, ack.durability);
    }
    if (now === undefined) return;
    await this.#setSource(now, situation, true);
    const isNow = isInForce(now, ack);
    if (policy.mode === 'required' && isNow && this.#steady && (await this.#claims.isSettled(plugins, ack)))
      await this.#claims.replace(epoch, ack.durability);
    this.#steady = isNow;
  }

  /** Somebody switched it off under an open primary, or commits were let go: what is claimed is not so any more. */
  #isBroken(now: SemiSyncSource | undefined): boolean {
    if (now === undefined) return false;
    const before = this.#counted;
    const { incarnation } = this.#local;
    this.#counted = { incarnation, unacknowledged: now.unacknowledged };
    // Nobody watched it before this agent started, unless it opened the server itself.
    if (before === undefined) return !this.#hasOpened;
    const isSame = before.incarnation === incarnation;
    return isSame && (!now.enabled ? this.#steady : now.unacknowledged > before.unacknowledged);
  }

  async #setSource(now: SemiSyncSource, { plugins, ack, policy }: Situation, open: boolean): Promise<void> {
    const settings = decideSource(now, ack, policy, { open });
    if (settings === 'leave') return;
    await plugins.setSource(this.#local.endpoint, settings, { timeoutMs: sqlMs });
    this.#deps.log.info('semi-sync set', { ...settings });
  }
}

function whyNot(now: SemiSyncSource | undefined, { acks, ackers }: Acknowledgement): string | undefined {
  if (now === undefined) return sourceMissing;
  if (acks === 0) return 'semi-sync is asked for, and there is no replica that could acknowledge';
  if (now.clients < acks) return `${now.clients} of ${acks} acknowledging replicas are attached`;
  return now.clients > ackers.length ? 'a server that is no member acknowledges, too' : undefined;
}
