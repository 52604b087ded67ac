import { parseGtidSet } from '../../core/gtid/gtid-set.ts';
import { formatEndpoint } from '../../core/model/endpoint.ts';
import { DcmhaError, toDcmhaError } from '../../core/model/errors.ts';
import type { ChannelKeeper } from './channels.ts';
import type { LocalServer } from './checks.ts';
import type { PrimaryComparison } from './comparison.ts';
import type { AgentDeps } from './deps.ts';
import { isPassing } from './passing.ts';
import type { Rejoiner, RejoinState } from './rejoin.ts';
import type { Due } from './replica-state.ts';
import type { StandingOut } from './standing-out.ts';

const sqlMs = 10_000;
/** The primary receives what another region sends within moments. */
const regionRetryMs = 2000;

/** What becomes of a server that has transactions which its primary lacks: they are taken back, or it stays out. */
export class ErrantReturn {
  readonly #deps: AgentDeps;
  readonly #local: LocalServer;
  readonly #rejoiner: Rejoiner | undefined;
  readonly #channels: ChannelKeeper | undefined;
  readonly #comparison: PrimaryComparison;
  readonly #out: StandingOut;

  constructor(
    deps: AgentDeps,
    parts: {
      readonly local: LocalServer;
      readonly rejoiner?: Rejoiner;
      readonly channels?: ChannelKeeper;
      readonly comparison: PrimaryComparison;
      readonly out: StandingOut;
    },
  ) {
    this.#deps = deps;
    this.#local = parts.local;
    this.#rejoiner = parts.rejoiner;
    this.#channels = parts.channels;
    this.#comparison = parts.comparison;
    this.#out = parts.out;
  }

  /** True when what the primary lacks is not here any more. */
  async bringBack(due: Due, errant: string, signal: AbortSignal): Promise<boolean> {
    const { epoch, primary } = due;
    const state = await this.#tryBringBack(due, errant, signal);
    if (state.kind === 'stays-out') {
      const { why, errant: gtids, until } = state;
      // Of what it ended itself, the rejoiner has told.
      if (this.#out.why(epoch) !== why && this.#rejoiner?.hasEnded !== true)
        this.#deps.log.error('this server has transactions that the primary lacks; it stays out, read-only', {
          primary: formatEndpoint(primary),
          gtids,
          why,
        });
      this.#out.remember({ epoch, gtids, why, until });
      return false;
    }
    const left = await this.#comparison.errant(primary, signal);
    if (left === '') return true;
    throw new DcmhaError('MYSQL_REJECTED', `there are more transactions that the primary lacks: ${left}`);
  }

  async #tryBringBack(
    { primary, primaryId, epoch }: Due,
    gtids: string,
    signal: AbortSignal,
  ): Promise<RejoinState & { readonly until: number }> {
    const standing = `${parseGtidSet(gtids).count().toString()} transactions that the primary lacks: ${gtids}`;
    const stays = { kind: 'stays-out', errant: gtids, until: Infinity } as const;
    const { mysql, clock } = this.#deps;
    // Taken back here, what other regions have would come again: what they are about to send to the primary is not errant.
    const pending = await this.#channels?.whyPending(gtids, signal);
    if (pending !== undefined) return { ...stays, why: pending, until: clock.monotonic() + regionRetryMs };
    if (this.#rejoiner?.isAutomatic !== true) return { ...stays, why: standing };
    // Nothing may come from anywhere while transactions are taken back.
    await mysql.resetReplication(this.#local.endpoint, '', { timeoutMs: sqlMs, signal });
    const { own, errant } = await this.#comparison.lacking(primary, signal);
    try {
      const divergence = { primary: primaryId, epoch, own, errant };
      const state = await this.#rejoiner.bringBack(divergence, primary, signal);
      return { ...state, until: this.#out.untilOf(state) };
    } catch (thrown) {
      const error = toDcmhaError(thrown);
      if (signal.aborted || isPassing(error)) throw error;
      return { ...stays, why: `${standing}; ${error.message}`, until: this.#out.nextTry() };
    }
  }
}
