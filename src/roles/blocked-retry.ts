import { whoKnowsMore } from '../core/plan/knows-more.ts';
import type { Next, Plan } from '../core/plan/plan.ts';
import { hasCode } from '../core/model/errors.ts';
import { readMemberIds } from '../core/store/inventory.ts';
import { readJournal } from '../core/store/journal.ts';
import { readPresence } from '../core/store/presences.ts';
import { retryPlan, type PlanRunner } from './plan-runner.ts';

/**
 * Goes on with a plan that was blocked because nobody knew enough, once somebody who may is back: a group whose servers are all there again
 * must not wait for an operator. Tried once for each change of who is there.
 */
export class BlockedRetry {
  readonly #group: string;
  readonly #runner: PlanRunner;
  #triedWith = '';

  constructor(group: string, runner: PlanRunner) {
    this.#group = group;
    this.#runner = runner;
  }

  async isDue(plan: Plan, blocked: Extract<Next, { kind: 'blocked' }>): Promise<boolean> {
    const ids = await readMemberIds(this.#runner.coordination, this.#group);
    const present = await Promise.all(ids.map(async (id) => ((await this.#isUp(id)) ? [id] : [])));
    const more = whoKnowsMore(plan, blocked, present.flat());
    const now = more.length === 0 ? '' : `${plan.id} ${more.join()}`;
    const isNews = now !== '' && now !== this.#triedWith;
    this.#triedWith = now;
    return isNews;
  }

  /** Under the group's lock. False when the plan has ended meanwhile. */
  async run(signal: AbortSignal): Promise<boolean> {
    const state = await readJournal(this.#runner.coordination, this.#group);
    if (state?.kind !== 'running') return false;
    this.#runner.log.info('the blocked plan is looked at afresh', {
      group: this.#group,
      with: this.#triedWith,
    });
    await retryPlan(state, this.#runner, signal);
    return true;
  }

  async #isUp(id: string): Promise<boolean> {
    try {
      return (await readPresence(this.#runner.coordination, id))?.verdict === 'up';
    } catch (error) {
      if (hasCode(error, 'ZNODE_MALFORMED')) return false;
      throw error;
    }
  }
}
