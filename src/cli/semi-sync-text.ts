import type { Durability } from '../core/decide/semi-sync.ts';
import type { SemiSyncState } from '../core/model/group.ts';

/** How commits are acknowledged now, and what follows for acknowledged transactions, in words for an operator. */
export function semiSyncText(state: SemiSyncState | undefined, terms: readonly Durability[]): string {
  if (state === undefined) return '';
  const { waiting, acknowledged, unacknowledged } = state;
  const counters = `${waiting} wait now, ${acknowledged} were acknowledged, ${unacknowledged} were not`;
  return [waitText(state), counters, ...terms.map(promiseText)].join('; ');
}

function waitText({ on, acks, clients }: SemiSyncState): string {
  if (on !== 1) return `off, for a commit should wait for ${acks} and ${clients} replicas acknowledge`;
  if (clients < acks)
    return `no commit ends: of the ${acks} replicas that each waits for, ${clients} are attached`;
  return `each commit waits for ${acks} of ${clients} attached replicas`;
}

function promiseText({ holders, copies }: Durability): string {
  return `each acknowledged transaction is on ${copies} of ${holders.join(', ')}`;
}
