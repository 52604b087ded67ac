import type { Member, PresenceRecord } from '../../src/core/model/group.ts';
import type { GroupSnapshot, MemberView } from '../../src/core/model/snapshot.ts';
import type { FailoverPlan, PlanMember } from '../../src/core/plan/plan.ts';
import type { Position } from '../../src/core/plan/steps.ts';
import type { ChannelStatus, Probe, ServerStatus } from '../../src/ports/mysql.ts';

/** The uuid of the primary in these tests; sets are written `gtids('1-5')`. */
export const uuid = '11111111-1111-1111-1111-111111111111';

export function gtids(numbers: string, of = uuid): string {
  return `${of}:${numbers}`;
}

export function member(id: string, overrides: Partial<Member> = {}): Member {
  const last = id.charCodeAt(0) - 'a'.charCodeAt(0) + 11;
  const host = `127.0.0.${last}`;
  return {
    id,
    group: 'g1',
    endpoint: { host, port: 3306 },
    priority: 100,
    promote: 'yes',
    agent: { host, port: 7071 },
    ...overrides,
  };
}

export function presence(overrides: Partial<PresenceRecord> = {}): PresenceRecord {
  return { verdict: 'up', since: 0, agent: '127.0.0.11:7071', version: '1', ...overrides };
}

export function view(id: string, overrides: Partial<MemberView> = {}): MemberView {
  return {
    member: member(id),
    presence: presence(),
    probe: undefined,
    offSince: undefined,
    offForLag: false,
    heldBack: false,
    ...overrides,
  };
}

export function channel(overrides: Partial<ChannelStatus> = {}): ChannelStatus {
  return {
    name: '',
    source: member('a').endpoint,
    receiver: 'on',
    applier: 'on',
    retrieved: '',
    lagSeconds: 0,
    receiverError: undefined,
    applierError: undefined,
    lastHeardMs: 100,
    ...overrides,
  };
}

export function up(overrides: Partial<ServerStatus> = {}): Probe {
  const status: ServerStatus = {
    serverUuid: uuid,
    serverId: 1,
    version: '9.7.4',
    readOnly: true,
    superReadOnly: true,
    gtidMode: 'ON',
    executed: '',
    purged: '',
    channels: [],
    ...overrides,
  };
  return { kind: 'up', status };
}

export const down: Probe = { kind: 'down', code: 'ECONNREFUSED', message: 'connection refused' };
export const refused: Probe = { kind: 'refused', errno: 1040, message: 'Too many connections' };

/** A group of a, b and c whose recorded primary is a. */
export function snapshot(overrides: Partial<GroupSnapshot> = {}): GroupSnapshot {
  return {
    group: 'g1',
    takenAt: 100_000,
    takenBy: 'coordinator',
    members: [view('a'), view('b'), view('c')],
    primary: { id: 'a', epoch: 4 },
    paused: false,
    route: {
      route: { write: member('a').endpoint, read: [member('b').endpoint, member('c').endpoint] },
      version: 7,
    },
    watermark: undefined,
    lastFailoverAt: undefined,
    recentFailovers: 0,
    ...overrides,
  };
}

export function planMember(id: string, overrides: Partial<PlanMember> = {}): PlanMember {
  return { id, priority: 100, promote: 'yes', ...overrides };
}

export function position(host: string, executed: string, overrides: Partial<Position> = {}): Position {
  return { host, executed, retrieved: '', version: '9.7.4', ...overrides };
}

export function failoverPlan(inputs: Partial<FailoverPlan['inputs']> = {}): FailoverPlan {
  return {
    program: 1,
    id: 'plan-1',
    kind: 'failover',
    group: 'g1',
    by: 'coordinator',
    startedAt: 0,
    startedBy: 'coordinator',
    entries: [],
    inputs: {
      cause: 'primary-dead',
      seen: [],
      automatic: true,
      oldPrimary: 'a',
      epoch: 4,
      members: ['a', 'b', 'c'].map((id) => planMember(id)),
      watermark: '',
      maxLoss: 10,
      catchUp: 'always',
      read: ['b', 'c'],
      ...inputs,
    },
  };
}
