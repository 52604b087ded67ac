import type { MemberView } from '../model/snapshot.ts';

/** Whether a failover may hope for this server: it answers, may be promoted, and is not busy with what only it has. */
export function isFit(view: MemberView): boolean {
  return (
    isUp(view) &&
    view.paused !== true &&
    view.member.promote !== 'no' &&
    view.presence?.replication?.state !== 'errant'
  );
}

/** Its agent says so, and who asked it has got an answer. */
export function isUp({ presence, probe }: MemberView): boolean {
  return presence?.verdict === 'up' && (probe === undefined || probe.kind === 'up');
}
