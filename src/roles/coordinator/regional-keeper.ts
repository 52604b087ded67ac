import { formatEndpoint } from '../../core/model/endpoint.ts';
import { toDcmhaError } from '../../core/model/errors.ts';
import type { ChannelHealth, Member } from '../../core/model/group.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import {
  dropRegionalChannels,
  followSource,
  settleChannel,
  surveyLink,
  whyNoSource,
  type ChannelContext,
  type RegionalMeans,
} from '../../core/perform/regional-channels.ts';
import { assessChannel, type ChannelVerdict } from '../../core/regional/assess.ts';
import { regionalChannel, regionOfChannel } from '../../core/regional/channel.ts';
import type { RegionalLink } from '../../core/regional/link.ts';
import { znodes } from '../../core/store/znodes.ts';
import { Alarm } from '../alarm.ts';
import type { GroupWorkerDeps } from './group-worker-deps.ts';
import { RegionalAlerts } from './regional-alerts.ts';
import { RegionalSpells } from './regional-spells.ts';
import { isStillPrimary, readStanding, type Standing } from './regional-standing.ts';

/** A server of the region that is merely behind has soon caught up. */
const soonMs = 1000;

/**
 * Keeps the regional channels of one group where they are wanted: on its primary, from a server of the region that works. Looks at what
 * the primary's agent says, and asks servers only when something is to be done. It takes no lock, which a failover might wait for:
 * a change of what is wanted is made under its version, and what a fence meets, it stops.
 */
export class RegionalKeeper {
  readonly #group: string;
  readonly #deps: GroupWorkerDeps;
  readonly #signal: AbortSignal;
  readonly #alarm: Alarm;
  readonly #alerts: RegionalAlerts;
  #latest: GroupSnapshot | undefined;
  /** What is done for the group as it was seen. */
  #round = new AbortController();
  readonly #spells: RegionalSpells;
  /** Region -> the version of what is wanted that was last put into force by this coordinator. */
  readonly #placed = new Map<string, number>();

  constructor(group: string, deps: GroupWorkerDeps, signal: AbortSignal) {
    this.#group = group;
    this.#deps = deps;
    this.#signal = signal;
    this.#alarm = new Alarm(deps.runner.clock, signal);
    this.#alerts = new RegionalAlerts(group, deps.runner);
    this.#spells = new RegionalSpells(deps.runner.clock);
    signal.addEventListener('abort', () => this.#round.abort(), { once: true });
  }

  /**
   * The group as it was just seen; undefined while something else is done about it. Then nothing of what is under way may reach the server that was
   * the primary: its agent has taken its channels away by the time that it answers again.
   */
  see(snapshot: GroupSnapshot | undefined): void {
    if (snapshot === undefined || snapshot.primary?.epoch !== this.#latest?.primary?.epoch)
      this.#round.abort();
    this.#latest = snapshot;
    this.#alarm.ring();
  }

  async run(): Promise<void> {
    const { regional, coordination, log } = this.#deps.runner;
    if (regional === undefined) return;
    coordination.watchChildren(znodes.additions(this.#group), this.#alarm.ring, this.#signal);
    while (!this.#signal.aborted) {
      const waitMs = await this.#keep(regional).catch((thrown: unknown) => {
        const error = toDcmhaError(thrown);
        if (!this.#signal.aborted)
          log.warn('regional channels not looked after', { group: this.#group, error: error.message });
        return this.#deps.tickMs;
      });
      await this.#alarm.wait(waitMs);
    }
  }

  /** One look; returns after how many ms the next is due at the latest. */
  async #keep(regional: RegionalMeans): Promise<number> {
    const { runner, tickMs, onDuty } = this.#deps;
    const snapshot = this.#latest;
    if (snapshot === undefined || !onDuty()) return tickMs;
    this.#round = new AbortController();
    const { signal } = this.#round;
    const standing = await readStanding(runner.coordination, this.#group, snapshot);
    if (standing === undefined) return tickMs;
    const wanted = standing.links.map(({ region }) => region);
    await this.#alerts.keepOnly(wanted);
    const members = snapshot.members.map(({ member }) => member);
    const context = { ...runner, regional, members, signal, mustBeOpen: true };
    const waits = [tickMs, await this.#dropStrays(standing, context)];
    for (const link of standing.links) waits.push(await this.#keepOne(link, standing, context));
    return Math.min(...waits);
  }

  /** A channel that is not wanted any more. */
  async #dropStrays(
    { primary, channels, links, mayAct }: Standing,
    context: ChannelContext,
  ): Promise<number> {
    const keep = links.map(({ region }) => region);
    const strays = channels
      .flatMap(({ name }) => regionOfChannel(name) ?? [])
      .filter((region) => !keep.includes(region));
    if (strays.length === 0 || !mayAct) return this.#deps.tickMs;
    const { mysql, limits, signal } = context;
    const options = { mysql, timeoutMs: limits.gatherTimeoutMs, signal };
    await this.#try('regional channel not removed', async () => {
      const names = await dropRegionalChannels(primary.endpoint, keep, options);
      this.#deps.runner.log.info('regional channels removed', {
        group: this.#group,
        host: primary.id,
        names,
      });
    });
    return soonMs;
  }

  async #keepOne(link: RegionalLink, standing: Standing, context: ChannelContext): Promise<number> {
    const { region } = link;
    const health = standing.channels.find(({ name }) => name === regionalChannel(region));
    const { graceMs } = context.regional;
    const verdict = this.#assess(link, health, graceMs);
    switch (verdict.kind) {
      case 'fine':
        this.#spells.end('none', region);
        this.#spells.end('ill', region);
        await this.#alerts.end(region);
        await this.#confirm(link, standing, context);
        return this.#deps.tickMs;
      case 'stopped':
        this.#spells.end('ill', region);
        await this.#alerts.end(region);
        return this.#deps.tickMs;
      case 'wait':
        return verdict.lookAgainMs;
      case 'broken':
        await this.#alerts.broken(region, verdict.why);
        return this.#deps.tickMs;
      case 'due':
        if (!standing.mayAct) return this.#deps.tickMs;
        return this.#place(link, verdict, standing, context);
    }
  }

  /** What else is wanted of a channel that works, its filters and TLS, once after each change. */
  async #confirm(link: RegionalLink, { primary, mayAct }: Standing, context: ChannelContext): Promise<void> {
    const { region, source, version } = link;
    if (!mayAct || source === undefined || this.#placed.get(region) === version) return;
    await this.#try('regional channel not changed', async () => {
      await followSource(link, source, primary, context);
      this.#placed.set(region, version);
    });
  }

  #assess(link: RegionalLink, health: ChannelHealth | undefined, graceMs: number): ChannelVerdict {
    const { region } = link;
    const isUnwell = health?.state === 'connecting' || health?.state === 'refused';
    if (!isUnwell) this.#spells.end('unwell', region);
    const unwellMs = isUnwell ? this.#spells.lasting('unwell', region) : 0;
    return assessChannel(link, health, { unwellMs, graceMs });
  }

  async #place(
    link: RegionalLink,
    { why, leave }: Extract<ChannelVerdict, { kind: 'due' }>,
    { primary, epoch }: Standing,
    context: ChannelContext,
  ): Promise<number> {
    const { region } = link;
    const { alerts, coordination, log } = this.#deps.runner;
    let waitMs = soonMs;
    await this.#try('regional channel not set up', async () => {
      const choice = await surveyLink(link, { receiver: primary, leave }, context);
      // Asking may have taken seconds.
      if (!(await isStillPrimary(coordination, this.#group, epoch))) return;
      const placement = await settleChannel(link, choice, primary, context);
      if (placement.kind === 'none') {
        waitMs = await this.#tellNone(
          link,
          whyNoSource(region, placement.rejected),
          context.regional.graceMs,
        );
        return;
      }
      this.#spells.beginAnew('unwell', region);
      this.#placed.set(region, placement.version);
      const { source } = placement;
      const fields = { group: this.#group, region, host: primary.id, source, why };
      log.info('regional channel set up', { ...fields, rejected: placement.rejected });
      const isIll = leave !== undefined && (await this.#tellUnattached(link, primary, why, context));
      if (isIll || sourceName(link) === source) return;
      const text = `${this.#group}: the channel from region ${region} on ${primary.id} receives from ${source} now (${why})`;
      alerts.event('region-moved', { group: this.#group, region }, text, { source });
    });
    return waitMs;
  }

  /** The region answers us, and yet the primary does not get through to it: another account, CA or network than ours. */
  async #tellUnattached(
    { region }: RegionalLink,
    primary: Member,
    why: string,
    { regional: { graceMs } }: ChannelContext,
  ): Promise<boolean> {
    // A source that died is left within one grace, and the next one attaches at once.
    if (this.#spells.lasting('ill', region) < graceMs) return false;
    await this.#alerts.unattached(region, primary.id, why);
    return true;
  }

  /** None is left: told once that has lasted, for servers of the region that are behind catch up. */
  async #tellNone({ region }: RegionalLink, why: string, graceMs: number): Promise<number> {
    if (this.#spells.lasting('none', region) < graceMs) return soonMs;
    await this.#alerts.none(region, why);
    return this.#deps.tickMs;
  }

  async #try(message: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (this.#round.signal.aborted) return;
      const error = toDcmhaError(thrown);
      this.#deps.runner.log.warn(message, { group: this.#group, code: error.code, error: error.message });
    }
  }
}

function sourceName({ source }: RegionalLink): string | undefined {
  return source === undefined ? undefined : formatEndpoint(source.endpoint);
}
