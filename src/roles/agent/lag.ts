import { measureLag, NO_LAG_MEMORY, NO_TOLD_LAG, tellLag } from '../../core/decide/lag.ts';
import { lagPolicy, type LagPolicy } from '../../core/decide/late-readers.ts';
import { defaultChannel } from '../../core/decide/replication.ts';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { ServerStatus } from '../../ports/mysql.ts';
import type { AgentDeps, AgentOptions } from './deps.ts';
import type { GroupView } from './view.ts';

/** Clocks of hosts drift apart by some 50 ms a day at most, if nobody sets them. */
const clockEveryMs = 60_000;
const lookEveryMs = 5000;
const clockTimeoutMs = 2000;
/** Clocks that differ by this are worth a word. */
const skewMs = 1000;

/** How old the data beside this agent is, from one check to the next, and how the primary's clock differs from this host's. */
export class LagGauge {
  /** As last measured, ms; undefined: nobody can tell. */
  lagMs: number | undefined;

  readonly #deps: AgentDeps;
  readonly #usual: LagPolicy;
  readonly #view: GroupView;
  #memory = NO_LAG_MEMORY;
  #told = NO_TOLD_LAG;
  #source = '';
  #clock: { readonly of: string; readonly aheadMs: number; readonly at: number } | undefined;

  constructor(deps: AgentDeps, { lag }: Pick<AgentOptions, 'lag'>, view: GroupView) {
    this.#deps = deps;
    this.#usual = lag;
    this.#view = view;
  }

  /** The lag that is to be told, in steps. */
  told(status: ServerStatus): number {
    const channel = defaultChannel(status);
    if (channel === undefined) {
      this.lagMs = undefined;
      return 0;
    }
    const source = formatEndpoint(channel.source);
    // What the former source had does not say what the new one has.
    if (source !== this.#source) this.#memory = NO_LAG_MEMORY;
    this.#source = source;
    const { executed } = status;
    const aheadMs = this.#clock?.of === source ? this.#clock.aheadMs : undefined;
    const reading = measureLag(channel, { executed, aheadMs, before: this.#memory });
    this.#memory = reading.memory;
    this.lagMs = reading.lagMs;
    const limits = lagPolicy(this.#usual, this.#view.policy.lag);
    const now = this.#deps.clock.monotonic();
    this.#told = tellLag(reading.lagMs ?? 0, limits, { before: this.#told, now });
    return this.#told.lagMs;
  }

  /** Compares the clocks now and then: commits are stamped by the primary's. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const primary = this.#primary();
      if (primary !== undefined && this.#isDue(primary)) await this.#compareClocks(primary, signal);
      await this.#deps.clock.pause(lookEveryMs, signal);
    }
  }

  #isDue(primary: Endpoint): boolean {
    const last = this.#clock;
    if (last?.of !== formatEndpoint(primary)) return true;
    return this.#deps.clock.monotonic() - last.at >= clockEveryMs;
  }

  #primary(): Endpoint | undefined {
    const { facts, members, self } = this.#view;
    const id = facts?.record?.id;
    return id === self ? undefined : members?.find((member) => member.id === id)?.endpoint;
  }

  async #compareClocks(primary: Endpoint, signal: AbortSignal): Promise<void> {
    const { mysql, log, clock } = this.#deps;
    const of = formatEndpoint(primary);
    try {
      const { aheadMs } = await mysql.clockOffset(primary, { timeoutMs: clockTimeoutMs, signal });
      const isNews = this.#clock?.of !== of || Math.abs(this.#clock.aheadMs - aheadMs) >= skewMs;
      if (isNews && Math.abs(aheadMs) >= skewMs)
        log.warn("the primary's clock differs from this host's", {
          primary: of,
          aheadMs: Math.round(aheadMs),
        });
      this.#clock = { of, aheadMs, at: clock.monotonic() };
    } catch (thrown) {
      log.debug('clocks not compared', { primary: of, error: toDcmhaError(thrown).message });
    }
  }
}
