import type { ChannelHealth, Member } from '../../core/model/group.ts';
import type { GroupSnapshot } from '../../core/model/snapshot.ts';
import type { RegionalLink } from '../../core/regional/link.ts';
import { readLinks } from '../../core/store/additions.ts';
import { readJournal } from '../../core/store/journal.ts';
import { readPrimary } from '../../core/store/primary.ts';
import type { Coordination } from '../../ports/coordination.ts';

/** What regional channels a group's primary has, and which it is to have. */
export interface Standing {
  readonly primary: Member;
  readonly epoch: number;
  readonly channels: readonly ChannelHealth[];
  readonly links: readonly RegionalLink[];
  /** Whether anything may be changed now. */
  readonly mayAct: boolean;
}

/** undefined: the primary's agent does not say how its channels are. */
export async function readStanding(
  coordination: Coordination,
  group: string,
  { members, primary, paused }: GroupSnapshot,
): Promise<Standing | undefined> {
  const view = members.find(({ member }) => member.id === primary?.id);
  if (primary === undefined || view?.presence?.verdict !== 'up') return undefined;
  const links = await readLinks(coordination, group);
  const { channels = [], writable } = view.presence;
  return {
    primary: view.member,
    epoch: primary.epoch,
    channels,
    links,
    mayAct: writable === true && !paused && view.paused !== true,
  };
}

/** Neither another primary is recorded, nor is one on its way. */
export async function isStillPrimary(
  coordination: Coordination,
  group: string,
  epoch: number,
): Promise<boolean> {
  const [primary, journal] = await Promise.all([
    readPrimary(coordination, group),
    readJournal(coordination, group),
  ]);
  return primary?.epoch === epoch && journal === undefined;
}
