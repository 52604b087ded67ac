import { isBlind } from '../../core/decide/sight.ts';
import { readMembers } from '../../core/store/inventory.ts';
import type { GroupWorkerDeps } from './group-worker-deps.ts';
import { presenceOf } from './observe.ts';

/** Whether this coordinator sees enough of a group to act on it, and tells when it does not. */
export class GroupSight {
  readonly #group: string;
  /** When it last looked. */
  wasBlind = false;
  readonly #deps: Pick<GroupWorkerDeps, 'observer' | 'runner'>;

  constructor(group: string, deps: Pick<GroupWorkerDeps, 'observer' | 'runner'>) {
    this.#group = group;
    this.#deps = deps;
  }

  /** Asks those servers whose agents vouch for them: whoever is well answers at once. */
  async isBlind(signal: AbortSignal): Promise<boolean> {
    const { coordination, mysql, agentPort, probeTimeoutMs: timeoutMs } = this.#deps.observer;
    const members = await readMembers(coordination, this.#group, { agentPort });
    const views = await Promise.all(
      members.map(async (member) => {
        const presence = await presenceOf(coordination, member);
        const vouched = presence?.verdict === 'up' || presence?.verdict === 'saturated';
        const probe = vouched ? await mysql.probe(member.endpoint, { timeoutMs, signal }) : undefined;
        return { member, presence, probe };
      }),
    );
    if (!isBlind(views)) {
      this.tellSeeing();
      return false;
    }
    this.tellBlind(
      views.flatMap(({ member, probe }) =>
        probe?.kind === 'down' ? [`${member.id}: ${probe.message}`] : [],
      ),
    );
    return true;
  }

  tellBlind(seen: readonly string[]): void {
    this.wasBlind = true;
    const { alerts, by } = this.#deps.runner;
    const text =
      `coordinator ${by} does not reach most servers of ${this.#group}, though their agents vouch for them: it leaves the group to other ` +
      `coordinators. Look at its network. ${seen.join('; ')}`;
    alerts.raise('coordinator-blind', { group: this.#group, host: by }, text);
  }

  tellSeeing(): void {
    this.wasBlind = false;
    const { alerts, by } = this.#deps.runner;
    const text = `coordinator ${by} reaches the servers of ${this.#group} again`;
    alerts.end('coordinator-blind', { group: this.#group, host: by }, text);
  }
}
