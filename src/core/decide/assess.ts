import { formatEndpoint, sameEndpoint, type Endpoint } from '../model/endpoint.ts';
import type { GroupSnapshot, MemberView } from '../model/snapshot.ts';

/** What state a group is in, with what was seen: one line an observer, for records and alerts. */
export type Assessment =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'no-primary-recorded' }
  /** The agent is gone or doubts, but MySQL answers: alert only. */
  | { readonly kind: 'heartbeat-lost'; readonly seen: readonly string[] }
  /** Nobody can say yet: look again soon. */
  | { readonly kind: 'primary-in-doubt'; readonly seen: readonly string[] }
  | { readonly kind: 'primary-dead'; readonly seen: readonly string[] }
  /** It answers but cannot commit. */
  | { readonly kind: 'primary-stalled'; readonly seen: readonly string[]; readonly since: number }
  | { readonly kind: 'two-primaries'; readonly seen: readonly string[] };

/** A receiver that heard from its source this recently vetoes its death, ms; managed replicas get two heartbeats a second. */
const freshMs = 1500;

export function assess(snapshot: GroupSnapshot): Assessment {
  const { primary } = snapshot;
  if (primary === undefined) return { kind: 'no-primary-recorded' };
  const view = snapshot.members.find(({ member }) => member.id === primary.id);
  if (view === undefined)
    return { kind: 'primary-in-doubt', seen: [`${primary.id} is recorded but no member`] };
  const others = snapshot.members.filter((other) => other !== view);
  const writable = others.filter((other) => other.paused !== true && isWritable(other));
  if (writable.length > 0 && isWritable(view)) {
    return {
      kind: 'two-primaries',
      seen: [view, ...writable].map(({ member }) => `${member.id} is writable`),
    };
  }
  return assessPrimary(view, others, snapshot.takenBy);
}

function assessPrimary(view: MemberView, others: readonly MemberView[], observer: string): Assessment {
  const { presence } = view;
  const seen = [
    describePresence(view),
    describeProbe(view, observer),
    ...others.flatMap((other) => describeReceiver(other, view)),
  ];
  switch (presence?.verdict) {
    case 'up':
    case 'saturated':
      return { kind: 'healthy' };
    case 'stalled':
    case 'read-only-fs':
      return { kind: 'primary-stalled', seen, since: presence.since };
    case 'dead':
      // The agent saw the process end; one more look from outside, for an agent can watch the wrong process.
      return { kind: answers(view) ? 'heartbeat-lost' : 'primary-dead', seen };
    case 'unknown':
    case undefined:
      return assessSilent(view, others, seen);
  }
}

/** The agent does not vouch: our own attempt and the replicas' receivers must agree. */
function assessSilent(view: MemberView, others: readonly MemberView[], seen: readonly string[]): Assessment {
  if (answers(view)) return { kind: 'heartbeat-lost', seen };
  if (view.probe === undefined) return { kind: 'primary-in-doubt', seen };
  const replicas = others.filter(({ probe }) => probe?.kind === 'up');
  // With no replica to ask it may be our own network; and nobody could be elected.
  if (replicas.length === 0) return { kind: 'primary-in-doubt', seen };
  const heard = replicas.some((replica) => hears(replica, view.member.endpoint));
  return { kind: heard ? 'primary-in-doubt' : 'primary-dead', seen };
}

/** A refused connection is a sign of life. */
function answers({ probe }: MemberView): boolean {
  return probe?.kind === 'up' || probe?.kind === 'refused';
}

/** Whoever has an agent that vouches for it is not asked itself. */
function isWritable({ probe, presence }: MemberView): boolean {
  if (probe === undefined) return presence?.verdict === 'up' && presence.writable === true;
  return probe.kind === 'up' && !probe.status.readOnly;
}

/** True when a replica's receiver is attached to the primary and heard from it lately; an intermediate's heartbeats say nothing of it. */
function hears({ probe }: MemberView, primary: Endpoint): boolean {
  if (probe?.kind !== 'up') return false;
  return probe.status.channels.some(
    ({ name, source, receiver, lastHeardMs }) =>
      name === '' && sameEndpoint(source, primary) && receiver === 'on' && (lastHeardMs ?? 0) < freshMs,
  );
}

function describePresence({ member, presence }: MemberView): string {
  if (presence === undefined) return `agent of ${member.id}: no presence`;
  return `agent of ${member.id}: ${presence.verdict}${presence.why === undefined ? '' : `, ${presence.why}`}`;
}

function describeProbe({ member, probe }: MemberView, observer: string): string {
  switch (probe?.kind) {
    case undefined:
      return `${observer}: did not ask ${member.id}`;
    case 'up':
      return `${observer}: ${member.id} answers`;
    case 'refused':
      return `${observer}: ${member.id} refuses with ${probe.errno}, so it is alive`;
    case 'down':
      return `${observer}: ${member.id} does not answer, ${probe.code}`;
  }
}

function describeReceiver({ member, probe }: MemberView, primary: MemberView): string[] {
  if (probe === undefined) return [];
  if (probe.kind !== 'up') return [`${member.id}: ${probe.kind}`];
  const channel = probe.status.channels.find(({ name }) => name === '');
  if (channel === undefined) return [`${member.id}: not a replica`];
  const heard =
    channel.lastHeardMs === undefined ? '' : `, last heard ${Math.round(channel.lastHeardMs)} ms ago`;
  const from = sameEndpoint(channel.source, primary.member.endpoint)
    ? ''
    : ` from ${formatEndpoint(channel.source)}`;
  return [`${member.id}: receiver${from} ${channel.receiver}${heard}`];
}
