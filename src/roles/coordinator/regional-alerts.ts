import { regionalChannel } from '../../core/regional/channel.ts';
import { clearAlert, raiseAlert, readAlert } from '../../core/store/alerts.ts';
import type { PlanRunner } from './plan-runner.ts';

/** Tells of regions that a group does not receive from, and that `watch-down/G_region` says so, too, for as long as one is lost. */
export class RegionalAlerts {
  readonly #group: string;
  readonly #runner: PlanRunner;
  readonly #texts = new Map<string, string>();
  #since: number | undefined;
  /** What the node says by this coordinator; undefined: not known, one before this one may have left it. */
  #published: string | undefined;

  constructor(group: string, runner: PlanRunner) {
    this.#group = group;
    this.#runner = runner;
  }

  /** Told at once: it does not pass by itself, and no other source helps. */
  broken(region: string, why: string): Promise<void> {
    const text = `the channel from region ${region} has stopped on an error, which another source would send, too: ${why}`;
    return this.#raise(
      region,
      `${text}. Repair the row, then START REPLICA FOR CHANNEL '${regionalChannel(region)}'`,
    );
  }

  unattached(region: string, primary: string, why: string): Promise<void> {
    return this.#raise(
      region,
      `servers of region ${region} answer the coordinators, but not ${primary}: ${why}`,
    );
  }

  none(region: string, why: string): Promise<void> {
    const remedy = `see dcmha addition check --group ${this.#group}`;
    return this.#raise(region, `no server of region ${region} can be received from: ${why}; ${remedy}`);
  }

  async end(region: string): Promise<void> {
    if (this.#texts.delete(region)) {
      const text = `${this.#group}: the channel from region ${region} works again`;
      this.#runner.alerts.end('region-lost', { group: this.#group, region }, text);
    }
    await this.#publish();
  }

  /** A region that is not wanted any more is not lost, either. */
  async keepOnly(regions: readonly string[]): Promise<void> {
    for (const region of this.#texts.keys()) if (!regions.includes(region)) await this.end(region);
    if (regions.length === 0) await this.#publish();
  }

  async #raise(region: string, what: string): Promise<void> {
    const text = `${this.#group}: ${what}`;
    this.#texts.set(region, text);
    this.#runner.alerts.raise('region-lost', { group: this.#group, region }, text);
    await this.#publish();
  }

  async #publish(): Promise<void> {
    const message = [...this.#texts.values()].join('; ');
    const { coordination, clock, by } = this.#runner;
    const [name, group] = [`${this.#group}_region`, this.#group];
    // Another coordinator may have been on duty meanwhile, and have left its word.
    const isLeft = message === '' && (await readAlert(coordination, name)) !== undefined;
    if (message === this.#published && !isLeft) return;
    await clearAlert(coordination, name);
    if (message === '') this.#since = undefined;
    else {
      const at = (this.#since ??= clock.now());
      await raiseAlert(coordination, name, { kind: 'region-lost', group, message, at, by });
    }
    this.#published = message;
  }
}
