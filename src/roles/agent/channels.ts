import { EMPTY_GTID_SET, parseGtidSet } from '../../core/gtid/gtid-set.ts';
import type { ChannelHealth } from '../../core/model/group.ts';
import { catchUpChannel } from '../../core/perform/catch-up-standing.ts';
import { dropRegionalChannels } from '../../core/perform/regional-channels.ts';
import { isRegional } from '../../core/regional/channel.ts';
import { sourcesOf } from '../../core/regional/choose-source.ts';
import { wordOf, type RegionalWord } from '../../core/regional/word.ts';
import { channelHealth, type ChannelMemory } from '../../core/regional/health.ts';
import type { RegionalSource } from '../../core/regional/link.ts';
import { readLinks, readRegion } from '../../core/store/additions.ts';
import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { GroupView } from './view.ts';

const sqlMs = 10_000;
const regionMs = 3000;

/** The channels beside the default one: how they do, and that a server which is not the primary has none from another region. */
export class ChannelKeeper {
  readonly #deps: AgentDeps;
  readonly #view: GroupView;
  readonly #local: LocalServer;
  #incarnation = 0;
  #memory = new Map<string, ChannelMemory>();

  constructor(deps: AgentDeps, parts: { readonly view: GroupView; readonly local: LocalServer }) {
    this.#deps = deps;
    this.#view = parts.view;
    this.#local = parts.local;
  }

  /** undefined when there is none, and for a server that does not answer. */
  health(): readonly ChannelHealth[] | undefined {
    const { status, verdict, incarnation, writable = false } = this.#local;
    if (status === undefined || verdict.verdict !== 'up') return undefined;
    const before = incarnation === this.#incarnation ? this.#memory : new Map<string, ChannelMemory>();
    const named = status.channels.filter(({ name }) => name !== '' && name !== catchUpChannel);
    this.#incarnation = incarnation;
    this.#memory = new Map(
      named.map((channel) => [channel.name, channelHealth(channel, before.get(channel.name), { writable })]),
    );
    return named.length === 0 ? undefined : [...this.#memory.values()].map(({ health }) => health);
  }

  /** Whether this server, though it is not the primary, has channels from other regions: it was the primary. */
  get isLeftOver(): boolean {
    const id = this.#view.facts?.record?.id;
    if (id === undefined || id === this.#view.self) return false;
    return this.#local.status?.channels.some(({ name }) => isRegional(name)) === true;
  }

  /** Before anything else is done to replication: what they would bring comes from the primary. */
  async clear(signal: AbortSignal): Promise<void> {
    if (!this.isLeftOver) return;
    const { mysql, log } = this.#deps;
    const names = await dropRegionalChannels(this.#local.endpoint, [], { mysql, timeoutMs: sqlMs, signal });
    log.info('regional channels removed: they belong to the primary', { names });
    this.#local.checkNow();
  }

  /**
   * Why transactions that the primary lacks are not errant, or may not be: a region that has them sends them to the primary, under their
   * own GTIDs, and if they were taken back here, their names might be burnt. undefined: no region has them.
   */
  async whyPending(gtids: string, signal: AbortSignal): Promise<string | undefined> {
    const { held, silent } = await this.#askRegions(gtids, signal);
    if (!held.isEmpty())
      return 'the primary has yet to receive from its regions what this server has of them';
    if (silent.length === 0) return undefined;
    return (
      `it holds transactions that the primary lacks (${gtids}), and there is no answer from ${silent.join(', ')} of another region, which ` +
      'may be about to send them to the primary; if it is gone for good: dcmha addition regionmeta without it, or addition remove'
    );
  }

  async #askRegions(gtids: string, signal: AbortSignal): Promise<RegionalWord> {
    const { coordination, regional } = this.#deps;
    const group = this.#view.member?.group;
    if (regional === undefined || group === undefined) return { held: EMPTY_GTID_SET, silent: [] };
    const wanted = parseGtidSet(gtids);
    const options = { timeoutMs: regionMs, signal };
    const words: RegionalWord[] = [];
    for (const link of await readLinks(coordination, group)) {
      const sources = sourcesOf(link, (await readRegion(coordination, link.region)) ?? []);
      const ask = async (source: RegionalSource) => ({
        source,
        probe: await regional.probe(source, options),
      });
      words.push(wordOf(await Promise.all(sources.map(ask)), wanted));
    }
    return {
      held: words.reduce((all, { held }) => all.union(held), EMPTY_GTID_SET),
      silent: words.flatMap(({ silent }) => silent),
    };
  }
}
