import type { GroupSnapshot } from '../model/snapshot.ts';

/** The group as it would be seen had its primary's mysqld ended just now, and its agent said so. */
export function supposePrimaryDead(snapshot: GroupSnapshot): GroupSnapshot {
  const { primary, members, takenAt } = snapshot;
  return {
    ...snapshot,
    members: members.map((view) => {
      if (view.member.id !== primary?.id) return view;
      const said = view.presence ?? { agent: '', version: '' };
      return {
        ...view,
        presence: { ...said, verdict: 'dead', since: takenAt, why: 'supposed' },
        probe: { kind: 'down', code: 'ECONNREFUSED', message: 'supposed' },
      };
    }),
  };
}
