import type { Decision } from '../../core/decide/decide.ts';
import type { AlertKind, AlertSubject } from '../../core/model/alert.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { confirmations, pushAlertName } from '../../core/perform/routing.ts';
import { readRouters } from '../../core/store/inventory.ts';
import { clearAlert, raiseAlert, readAlert } from '../../core/store/alerts.ts';
import { askApproval, dropApproval } from '../../core/store/approvals.ts';
import type { PlanRunner } from './plan-runner.ts';

/** Which conditions of a group this coordinator has raised, and about whom. */
export type Told = Map<AlertKind, AlertSubject>;

/** Tells the operator what was decided, when it is something to tell; a standing condition is also a znode that `status` shows. */
export async function tellOfDecision(
  decision: Decision,
  snapshot: GroupSnapshot,
  runner: PlanRunner,
  told: Told,
): Promise<void> {
  switch (decision.kind) {
    case 'nothing':
    case 'look-again':
    case 'step-back':
    case 'failover':
      return;
    case 'alert':
      return raise(decision.alert, textOf(decision, snapshot), { snapshot, runner, told });
    case 'refuse': {
      if (decision.reason === 'needs-approval') await ask(decision.why, snapshot, runner);
      const text = `${snapshot.group}: ${decision.cause}, but no failover (${decision.reason}): ${decision.why}`;
      return raise('failover-refused', text, { snapshot, runner, told, reason: decision.reason });
    }
  }
}

/** What `dcmha task approve` answers; an answer that has become void is asked for anew. */
async function ask(
  why: string,
  { group, primary, approval, takenAt }: GroupSnapshot,
  { coordination }: PlanRunner,
): Promise<void> {
  if (primary === undefined) return;
  if (approval?.approved !== undefined) await dropApproval(coordination, group);
  await askApproval(coordination, group, { epoch: primary.epoch, why, askedAt: takenAt });
}

/** Ends what stood, once all is well again. */
export async function tellOfHealth(snapshot: GroupSnapshot, runner: PlanRunner, told: Told): Promise<void> {
  const { group } = snapshot;
  await tellOfRouters(group, runner);
  const stood = snapshot.primary !== undefined && (await clearAlert(runner.coordination, group));
  if (!stood && told.size === 0) return;
  // Whatever was approved was meant for that incident.
  await dropApproval(runner.coordination, group);
  for (const [kind, subject] of told) {
    runner.alerts.end(kind, subject, `${group}: the primary's agent vouches for it again`);
  }
  told.clear();
}

/** Ends the alert of routers that lagged behind, once they have all caught up. */
async function tellOfRouters(group: string, { coordination, alerts }: PlanRunner): Promise<void> {
  if ((await readAlert(coordination, pushAlertName(group))) === undefined) return;
  const routers = await readRouters(coordination, group);
  const { missing } = await confirmations({ coordination, group, routers });
  if (missing.length > 0) return;
  await clearAlert(coordination, pushAlertName(group));
  alerts.end('push-failed', { group }, `${group}: every router has the route`);
}

function textOf(
  { alert, seen }: Extract<Decision, { kind: 'alert' }>,
  { group, primary }: GroupSnapshot,
): string {
  const facts = seen.join('; ');
  switch (alert) {
    case 'heartbeat-lost':
      return `${group}: the heartbeat of ${primary?.id ?? ''} is lost, but MySQL answers: nothing is moved. Look at its agent. ${facts}`;
    case 'two-primaries':
      return `${group}: more than one server is writable: ${facts}`;
    case 'stalled':
      return `${group}: ${primary?.id ?? ''} answers but cannot commit. ${facts}`;
  }
}

async function raise(
  kind: AlertKind,
  text: string,
  {
    snapshot,
    runner,
    told,
    reason,
  }: {
    readonly snapshot: GroupSnapshot;
    readonly runner: PlanRunner;
    readonly told: Told;
    readonly reason?: string;
  },
): Promise<void> {
  const { group } = snapshot;
  const subject = { group, host: snapshot.primary?.id };
  told.set(kind, subject);
  runner.alerts.raise(kind, subject, text);
  await raiseAlert(runner.coordination, group, {
    kind,
    group,
    reason,
    message: text,
    at: snapshot.takenAt,
    by: runner.by,
  });
}
