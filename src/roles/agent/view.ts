import type { GroupFacts } from '../../core/decide/writer.ts';
import { hostId } from '../../core/model/endpoint.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import { Trouble } from '../../core/trouble.ts';
import type { Member, PresenceRecord } from '../../core/model/group.ts';
import { readBurnt, type BurntNames } from '../../core/store/burnt.ts';
import { readMember, readMembers } from '../../core/store/inventory.ts';
import { readJournal } from '../../core/store/journal.ts';
import { isPaused } from '../../core/model/pause.ts';
import { readHostPause, readPause } from '../../core/store/pauses.ts';
import { readPolicy, type PolicyOverrides } from '../../core/store/policy.ts';
import { readPresence } from '../../core/store/presences.ts';
import { readPrimary } from '../../core/store/primary.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import { Alarm } from '../alarm.ts';

/** Everything is read again at least this often. */
const calmMs = 30_000;
/** The end of a pause is no change of a znode; a coordinator's clock may be a little behind. */
const afterPauseMs = 20;
const underPlanMs = 150;
/** A running plan writes its journal at each step, and must not wait for us to read it. */
const journalLateMs = 250;
const firstRetryMs = 200;
const longestRetryMs = 5000;

/** What ZooKeeper says of this host and its group, as far as it could be read last. */
export class GroupView {
  readonly self: string;
  member: Member | undefined;
  facts: GroupFacts | undefined;
  /** All members; undefined until they were read once. */
  members: readonly Member[] | undefined;
  /** What the agent of the intermediate says that this server replicates from; undefined when it is gone, or there is none. */
  fromPresence: PresenceRecord | undefined;
  /** Names of transactions that may stand for something else here than on the primary. */
  burnt: BurntNames | undefined;
  /** The group's own settings. */
  policy: PolicyOverrides = {};

  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #changed: () => void;
  #watched: { readonly group: string; readonly stop: AbortController } | undefined;
  #watchedFrom: { readonly from: string | undefined; readonly stop: AbortController } | undefined;
  readonly #trouble = new Trouble();
  /** Reads are numbered as they begin: the answer of an older one never replaces that of a newer one. */
  #begun = 0;
  #applied = 0;
  /** When the first of the pauses in force ends by itself, ms since 1970. */
  #pausedUntil = Infinity;
  /** Whether a plan ran when everything was read last. */
  #sawPlan: boolean | undefined;

  constructor(deps: AgentDeps, options: AgentOptions, changed: () => void) {
    this.self = hostId(options.host);
    this.#deps = deps;
    this.#options = options;
    this.#changed = changed;
  }

  async run(signal: AbortSignal): Promise<void> {
    const alarm = new Alarm(this.#deps.clock, signal);
    for (const path of [znodes.host(this.self), znodes.burnt(this.self), znodes.hostWhite(this.self)])
      this.#deps.coordination.watchData(path, alarm.ring, signal);
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      const read = await this.#readAll(alarm.ring, signal);
      this.#changed();
      retryMs = read ? firstRetryMs : Math.min(retryMs * 2, longestRetryMs);
      await alarm.wait(read ? Math.min(calmMs, this.#untilPauseEnds()) : retryMs);
    }
    this.#watched?.stop.abort();
    this.#watchedFrom?.stop.abort();
  }

  #untilPauseEnds(): number {
    return Math.max(0, this.#pausedUntil - this.#deps.clock.now()) + afterPauseMs;
  }

  /** What decides about writes, read anew after a `sync`. Throws `SESSION_LOST`, `ZNODE_MALFORMED`; then nothing is known better. */
  async refresh(): Promise<GroupFacts | undefined> {
    const group = this.member?.group;
    if (group === undefined) return undefined;
    const { coordination } = this.#deps;
    const [, facts] = await Promise.all([coordination.sync(znodes.master(group)), this.#readFacts(group)]);
    return facts;
  }

  async #readFacts(group: string): Promise<GroupFacts> {
    const { coordination, clock } = this.#deps;
    this.#begun += 1;
    const number = this.#begun;
    const [record, planRunning, ...pauses] = await Promise.all([
      readPrimary(coordination, group),
      this.#planRunning(group),
      readPause(coordination, group),
      readHostPause(coordination, this.self),
    ]);
    const inForce = pauses.filter((pause) => isPaused(pause, clock.now()));
    const facts = { group, record, planRunning, paused: inForce.length > 0 };
    if (number < this.#applied) return this.facts ?? facts;
    this.#applied = number;
    this.#pausedUntil = Math.min(...inForce.map((pause) => pause?.until ?? Infinity));
    this.facts = facts;
    return facts;
  }

  /** A journal that cannot be read may well be a running plan. */
  async #planRunning(group: string): Promise<boolean> {
    try {
      return (await readJournal(this.#deps.coordination, group)) !== undefined;
    } catch (error) {
      if (hasCode(error, 'ZNODE_MALFORMED')) return true;
      throw error;
    }
  }

  async #readAll(ring: () => void, signal: AbortSignal): Promise<boolean> {
    const { coordination } = this.#deps;
    const defaults = { agentPort: this.#options.defaultAgentPort };
    try {
      this.member = await readMember(coordination, this.self, defaults);
      if (this.member === undefined) {
        this.facts = undefined;
        this.#warn('this host is not in the metadata; waiting', { znode: znodes.host(this.self) });
        return true;
      }
      const { group } = this.member;
      this.#watch(group, ring);
      this.#sawPlan = (await this.#readFacts(group)).planRunning;
      this.members = await readMembers(coordination, group, defaults);
      await this.#readFrom(this.member.from, ring);
      this.burnt = await readBurnt(coordination, this.self);
      this.policy = await readPolicy(coordination, group);
      this.#trouble.over();
      return true;
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (!signal.aborted) this.#warn('cannot read the group', { code: error.code, error: error.message });
      return false;
    }
  }

  async #readFrom(from: string | undefined, ring: () => void): Promise<void> {
    const { coordination } = this.#deps;
    if (this.#watchedFrom?.from !== from) {
      this.#watchedFrom?.stop.abort();
      const stop = new AbortController();
      this.#watchedFrom = { from, stop };
      if (from !== undefined) coordination.watchData(znodes.presence(from), ring, stop.signal);
    }
    this.fromPresence = from === undefined ? undefined : await this.#presenceOf(from);
  }

  /** A presence that cannot be read is as good as none. */
  async #presenceOf(id: string): Promise<PresenceRecord | undefined> {
    try {
      return await readPresence(this.#deps.coordination, id);
    } catch (error) {
      if (hasCode(error, 'ZNODE_MALFORMED')) return undefined;
      throw error;
    }
  }

  #watch(group: string, ring: () => void): void {
    if (this.#watched?.group === group) return;
    this.#watched?.stop.abort();
    const stop = new AbortController();
    this.#watched = { group, stop };
    const { coordination } = this.#deps;
    for (const path of [znodes.white, znodes.group, znodes.policy]) {
      coordination.watchData(path(group), ring, stop.signal);
    }
    coordination.watchData(znodes.master(group), () => void this.#heedRecord(ring, stop.signal), stop.signal);
    const heed = () => void this.#heedJournal(group, ring, stop.signal);
    coordination.watchData(znodes.journal(group), heed, stop.signal, journalLateMs);
  }

  /** A running plan does itself what its record asks for, and everybody waits for that: the rest is read a little later. */
  async #heedRecord(ring: () => void, signal: AbortSignal): Promise<void> {
    if (this.#sawPlan === true) await this.#deps.clock.pause(underPlanMs, signal);
    ring();
  }

  /** Only the beginning and the end of a plan are news here. */
  async #heedJournal(group: string, ring: () => void, signal: AbortSignal): Promise<void> {
    const running = await this.#planRunning(group).catch(() => undefined);
    if (!signal.aborted && running !== this.#sawPlan) ring();
  }

  /** Said once, until something else happens. */
  #warn(message: string, fields: Readonly<Record<string, string>>): void {
    if (this.#trouble.isNews(`${message} ${fields['error'] ?? ''}`)) this.#deps.log.warn(message, fields);
  }
}
