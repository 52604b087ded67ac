import { formatEndpoint } from '../../core/model/endpoint.ts';
import { isPaused, warnFrom, type Pause } from '../../core/model/pause.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import { listHostPauses, readHostPause, removeEndedPause } from '../../core/store/pauses.ts';
import { znodes } from '../../core/store/znodes.ts';
import type { PlanRunner } from './plan-runner.ts';

/**
 * The end of the pauses of a group and of its hosts: told of shortly before, and once it is there, the node goes. Called at each look by
 * the coordinator that tells operators.
 */
export async function keepPauses(snapshot: GroupSnapshot, runner: PlanRunner): Promise<void> {
  const { coordination } = runner;
  const { group, pause } = snapshot;
  await keepPause({ group }, { pause, path: znodes.white(group), what: group }, snapshot, runner);
  const paused = await listHostPauses(coordination);
  for (const { member } of snapshot.members) {
    const { id } = member;
    const own = paused.includes(id) ? await readHostPause(coordination, id) : undefined;
    const host = { pause: own, path: znodes.hostWhite(id), what: `${id} of ${group}` };
    await keepPause({ group, host: id }, host, snapshot, runner);
  }
}

interface Kept {
  readonly pause: Pause | undefined;
  readonly path: string;
  /** For people. */
  readonly what: string;
}

async function keepPause(
  subject: { readonly group: string; readonly host?: string },
  { pause, path, what }: Kept,
  snapshot: GroupSnapshot,
  { coordination, alerts, log }: PlanRunner,
): Promise<void> {
  const now = snapshot.takenAt;
  const from = pause === undefined ? undefined : warnFrom(pause);
  if (pause?.until === undefined || from === undefined || now < from) {
    const text = pause === undefined ? 'the pause is over' : 'the pause does not end soon any more';
    alerts.end('pause-ending', subject, `${what}: ${text}`);
    return;
  }
  if (isPaused(pause, now)) {
    const host = subject.host === undefined ? '' : ` --host ${subject.host}`;
    const again = `dcmha setwhite --group ${subject.group}${host} --for 1h`;
    const minutes = Math.max(1, Math.round((pause.until - now) / 60_000));
    const text = `${what}: the pause ends in ${minutes} min; to go on: ${again}${handworkLeft(snapshot)}`;
    alerts.raise('pause-ending', subject, text);
    return;
  }
  alerts.end('pause-ending', subject, `${what}: the pause is over`);
  if (await removeEndedPause(coordination, path, now)) log.info('pause ended by itself', { ...subject });
}

/** What was opened by hand and is not recorded would be closed at the end of the pause. */
function handworkLeft({ members, primary, group }: GroupSnapshot): string {
  const open = members.find(
    ({ member, presence }) => presence?.writable === true && member.id !== primary?.id,
  );
  if (open === undefined) return '';
  const server = formatEndpoint(open.member.endpoint);
  return `. ${server} is writable and not the recorded primary: it will be closed then, unless you say dcmha task --group ${group} --host ${open.member.endpoint.host}`;
}
