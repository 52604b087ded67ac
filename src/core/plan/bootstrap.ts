import { elect, type Election } from '../decide/elect.ts';
import { fallenTooOften, sinceFallBack } from './fall-back.ts';
import { takeOffice } from './office.ts';
import { failure, isDone, outcomeAs, step, type BootstrapPlan, type Next } from './plan.ts';

/**
 * The first primary of a group (`add`): a member that holds all that any member holds (the first in order of preference when all are
 * equal) is recorded, opened and published; the others follow it.
 */
export function nextOfBootstrap(whole: BootstrapPlan): Next {
  const plan = sinceFallBack(whole);
  if (plan.abandonedBy !== undefined) return { kind: 'finished', result: 'abandoned' };
  const blocked = failure(plan) ?? fallenTooOften(whole);
  if (blocked !== undefined) return blocked;
  const hosts = plan.inputs.members.map(({ id }) => id);
  if (!isDone(plan, 'freeze')) return step({ kind: 'freeze', hosts });
  const election = electFirst(plan);
  if (election.kind === 'refused') return { kind: 'blocked', reason: election.reason, why: election.why };
  const host = election.host;
  if (election.behind && !isDone(plan, 'equalize')) {
    return step({ kind: 'equalize', host, source: election.mostAdvanced, until: election.set });
  }
  const office = { host, until: election.set, expectedEpoch: plan.inputs.epoch };
  // Readers are known once the others follow: the route is published then.
  return takeOffice(plan, { ...office, read: undefined }) ?? settle(plan, host);
}

function settle(plan: BootstrapPlan, host: string): Next {
  const others = plan.inputs.members.map(({ id }) => id).filter((id) => id !== host);
  if (!isDone(plan, 'repoint')) return step({ kind: 'repoint', hosts: others, source: host });
  const read = outcomeAs(plan, 'repoint', 'repointed')?.hosts ?? [];
  if (!isDone(plan, 'publish-route')) return step({ kind: 'publish-route', write: host, read });
  if (!isDone(plan, 'confirm-route')) return step({ kind: 'confirm-route' });
  const epoch = outcomeAs(plan, 'record-primary', 'recorded')?.epoch ?? 0;
  return { kind: 'finished', result: 'done', primary: host, epoch };
}

function electFirst(plan: BootstrapPlan): Election {
  const positions = outcomeAs(plan, 'freeze', 'positions')?.positions ?? [];
  const silent = positions.filter(({ error }) => error !== undefined);
  // A member that does not answer now might hold more than the others: a first primary is not chosen behind its back.
  if (silent.length > 0) {
    const why = silent.map(({ host, error }) => `${host}: ${error ?? ''}`).join('; ');
    return {
      kind: 'refused',
      reason: 'no-candidate',
      why: `every member must answer: ${why}`,
      rejected: [],
    };
  }
  const { members, to, allowedDcs } = plan.inputs;
  const rules = { allowedDcs: allowedDcs ?? [], crossDc: 'allowed', lowerVersion: 'allowed' } as const;
  return elect(members, positions, { to, rules });
}
