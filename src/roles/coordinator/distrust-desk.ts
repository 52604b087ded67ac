import { whyIncredible } from '../../core/decide/router-word.ts';
import { formatEndpoint } from '../../core/model/endpoint.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { readRouters } from '../../core/store/inventory.ts';
import { readRoute, readRouteAcks } from '../../core/store/routes.ts';
import type { PlanRunner } from './plan-runner.ts';

/** Tells the operator of what agents and routers have turned away, and of routers whose word cannot be true. */
export class DistrustDesk {
  readonly #runner: PlanRunner;
  readonly #everyMs: number;
  #at = -Infinity;
  #told = new Set<string>();

  /** Routers are looked at each `everyMs` at most. */
  constructor(runner: PlanRunner, everyMs: number) {
    this.#runner = runner;
    this.#everyMs = everyMs;
  }

  async tell({ group, members }: GroupSnapshot): Promise<void> {
    const { alerts, clock } = this.#runner;
    const now = clock.monotonic();
    if (now - this.#at < this.#everyMs) return;
    this.#at = now;
    const found = new Map(await this.#ofRouters(group));
    for (const { member, presence } of members) {
      if (presence?.distrust !== undefined)
        found.set(member.id, `the agent of ${member.id} turned away: ${presence.distrust}`);
    }
    for (const [host, text] of found) alerts.raise('distrusted', { group, host }, `${group}: ${text}`);
    for (const host of this.#told) {
      if (!found.has(host))
        alerts.end('distrusted', { group, host }, `${group}: nothing more of that at ${host}`);
    }
    this.#told = new Set(found.keys());
  }

  async #ofRouters(group: string): Promise<[string, string][]> {
    const { coordination } = this.#runner;
    const acks = await readRouteAcks(coordination, group);
    if (acks.length === 0) return [];
    const published = await readRoute(coordination, group);
    const routers = (await readRouters(coordination, group)).map(formatEndpoint);
    return acks.flatMap((ack): [string, string][] => {
      const { router, distrust } = ack;
      const whys = [
        routers.includes(router)
          ? undefined
          : `router ${router} acknowledges routes, and is none of this group: dcmha addroute, or stop it`,
        whyIncredible(ack, published),
        distrust === undefined ? undefined : `router ${router} turned away: ${distrust}`,
      ].filter((why) => why !== undefined);
      return whys.length === 0 ? [] : [[router, whys.join('; ')]];
    });
  }
}
