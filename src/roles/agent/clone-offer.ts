import type { LocalServer } from './checks.ts';
import type { AgentDeps } from './deps.ts';
import type { WriteGate } from './fence.ts';
import { refused } from './refusal.ts';
import type { GroupView } from './view.ts';

const sqlMs = 5000;

interface OfferParts {
  readonly view: GroupView;
  readonly local: LocalServer;
  readonly gate: WriteGate;
}

/** Makes the server of this host one that can be cloned from. Refused with `PEER_REFUSED`; throws what loading the plugin does. */
export async function offerClone(
  { rejoin }: AgentDeps,
  { view, local, gate }: OfferParts,
  group: string,
): Promise<void> {
  const options = { timeoutMs: sqlMs };
  const facts = view.facts;
  if (rejoin?.clone === undefined) throw refused({ reason: 'no-clone', why: 'this agent cannot clone' });
  if (facts?.group !== group)
    throw refused({ reason: 'other-group', why: `this host is not of group ${group}` });
  if (facts.planRunning) throw refused({ reason: 'plan-running', why: 'a plan is running' });
  const { cloning } = rejoin.clone;
  const server = local.endpoint;
  if ((await cloning.facts(server, options)).isActive) return;
  if (local.writable === true) await cloning.install(server, options);
  else
    await gate.whileReadOnly(
      () => rejoin.rollback.lift(server, options),
      () => cloning.install(server, options),
    );
}
