import { defaultChannel } from '../../core/decide/replication.ts';
import { EMPTY_GTID_SET, parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import { decidedBy } from '../../core/rejoin/decided.ts';
import type { BurntCheck } from './burnt.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';

const sqlMs = 10_000;
const confirmAfterMs = 1000;
/** What a replica has received it may still have to apply; after this it is compared as it stands. */
const drainMs = 10_000;

/** What the server here has that its primary lacks. */
export class PrimaryComparison {
  readonly #deps: AgentDeps;
  readonly #local: LocalServer;
  readonly #burnt: BurntCheck | undefined;

  constructor(
    deps: AgentDeps,
    { local, burnt }: { readonly local: LocalServer; readonly burnt?: BurntCheck },
  ) {
    this.#deps = deps;
    this.#local = local;
    this.#burnt = burnt;
  }

  /** What an old source's receiver has fetched is applied first: it would be afterwards, and must be compared, too. */
  async drain(signal: AbortSignal): Promise<void> {
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
  async errant(primary: Endpoint, signal: AbortSignal): Promise<string> {
    const first = await this.lacking(primary, signal);
    if (first.errant === '') return '';
    await this.#deps.clock.pause(confirmAfterMs, signal);
    return (await this.lacking(primary, signal)).errant;
  }

  async lacking(
    primary: Endpoint,
    signal: AbortSignal,
  ): Promise<{ readonly own: string; readonly errant: string }> {
    const options = { timeoutMs: sqlMs, signal };
    const own = await this.#deps.mysql.status(this.#local.endpoint, options);
    const theirs = await this.#deps.mysql.status(primary, options);
    const others = (await this.#burnt?.originals(own)) ?? EMPTY_GTID_SET;
    const errant = parseGtidSet(own.executed).subtract(decidedBy(theirs)).union(others);
    return { own: own.executed, errant: errant.toCompactString() };
  }
}
