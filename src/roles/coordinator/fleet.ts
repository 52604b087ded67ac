import type { Coordination } from '../../ports/coordination.ts';
import { openFailovers } from '../../core/store/acks.ts';
import { listGroups } from '../../core/store/inventory.ts';
import { readJournal } from '../../core/store/journal.ts';

/** Automatic failovers that began in other groups since `since` (ms since 1970): running ones, and ended ones that nobody has acknowledged. */
export async function countRecentFailovers(
  store: Coordination,
  { except, since }: { readonly except: string; readonly since: number },
): Promise<number> {
  const groups = (await listGroups(store)).filter((group) => group !== except);
  const counts = await Promise.all(groups.map((group) => countOf(store, group, since)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function countOf(store: Coordination, group: string, since: number): Promise<number> {
  const [state, open] = await Promise.all([readJournal(store, group), openFailovers(store, group, 5)]);
  const running = state?.kind === 'running' && state.journal.kind === 'failover' ? 1 : 0;
  return running + open.filter(({ at }) => at >= since).length;
}
