import { defaultChannel } from '../../core/decide/replication.ts';
import { chooseSource, isFitSource } from '../../core/decide/source.ts';
import { sameEndpoint } from '../../core/model/endpoint.ts';
import type { Member } from '../../core/model/group.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { GroupView } from './view.ts';

const sqlMs = 10_000;
/** An intermediate that keeps up has within this what its replica has. */
const evenMs = 2000;
/** One that does not is asked again after this. */
const behindMs = 15_000;

/** Whom this server replicates from: the recorded primary, or the intermediate that its metadata names. */
export class SourceChoice {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #local: LocalServer;
  #fitSince: number | undefined;
  /** The intermediate lacked what this server has: not before (monotonic, ms). */
  #notBefore = -Infinity;

  constructor(deps: AgentDeps, parts: { readonly view: GroupView; readonly local: LocalServer }) {
    this.#deps = deps;
    this.#view = parts.view;
    this.#local = parts.local;
  }

  /** By what was last seen; nothing is asked. */
  choose(primary: Member): Member {
    const { status } = this.#local;
    const { fromPresence: presence } = this.#view;
    const now = this.#deps.clock.monotonic();
    this.#fitSince = isFitSource(presence) ? (this.#fitSince ?? now) : undefined;
    const fitForMs = now < this.#notBefore ? -1 : now - (this.#fitSince ?? now);
    const channel = status === undefined ? undefined : defaultChannel(status);
    return chooseSource({ primary, from: this.#from(), presence, channel, fitForMs });
  }

  /**
   * False when the chosen one lacks what this server has, and does not get it within moments, while this one is at the primary and gets
   * everything: then nothing is stopped for it.
   */
  async isWorthIt(source: Member, primary: Member, signal: AbortSignal): Promise<boolean> {
    return !this.#isAtPrimary(primary) || (await this.#isEven(source, primary, signal));
  }

  /** The chosen one, or the primary when it lacks what this server has: a replica that is ahead of its source would get an error. */
  async settle(source: Member, primary: Member, signal: AbortSignal): Promise<Member> {
    return (await this.#isEven(source, primary, signal)) ? source : primary;
  }

  async #isEven(source: Member, primary: Member, signal: AbortSignal): Promise<boolean> {
    if (source.id === primary.id) return true;
    const { mysql, clock, log } = this.#deps;
    const { executed } = await mysql.status(this.#local.endpoint, { timeoutMs: sqlMs, signal });
    const isEven =
      executed === '' || (await mysql.waitExecuted(source.endpoint, executed, { timeoutMs: evenMs, signal }));
    if (!isEven) {
      log.info('the intermediate is behind this server; it is left for now', { source: source.id });
      this.#notBefore = clock.monotonic() + behindMs;
    }
    return isEven;
  }

  #isAtPrimary(primary: Member): boolean {
    const { status } = this.#local;
    const channel = status === undefined ? undefined : defaultChannel(status);
    return sameEndpoint(channel?.source, primary.endpoint) && channel?.receiver === 'on';
  }

  #from(): Member | undefined {
    const { member, members } = this.#view;
    return members?.find(({ id }) => id === member?.from);
  }
}
