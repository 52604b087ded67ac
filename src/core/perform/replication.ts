import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { whyWithoutGtids } from '../decide/gtid-mode.ts';
import { DEFAULT_CHANNEL, defaultChannel, sourceMember } from '../decide/replication.ts';
import type { ChannelStatus, ServerStatus } from '../../ports/mysql.ts';
import { DcmhaError, hasCode, toDcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import type { Outcome, Position, Step } from '../plan/steps.ts';
import { readDurability } from '../store/durability.ts';
import { readRejoinMark } from '../store/marks.ts';
import { memberOf, type PerformContext } from './context.ts';
import { itIsErrant, whyUnfit } from './fencing.ts';
import { receiveUntil } from './receive-until.ts';
import { publishAhead } from './routing.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** All hosts at once: one that hangs costs its deadline once, and is then no candidate. */
export async function freeze(step: Of<'freeze'>, context: PerformContext): Promise<Outcome> {
  const frozen = await Promise.all(step.hosts.map((host) => freezeOne(host, step, context)));
  const positions = frozen.map(({ position }) => position);
  if (positions.every(({ error }) => error !== undefined)) {
    const why = `no candidate could be frozen: ${positions.map(({ host, error }) => `${host}: ${error ?? ''}`).join('; ')}`;
    // What comes back with transactions of its own does not go on while a plan runs, so that waiting for it is no use.
    if (frozen.every(({ returns }) => returns === true)) return { kind: 'failed', code: 'PEER_REFUSED', why };
    // Tried again until the step's deadline: without a candidate there is no failover.
    throw new DcmhaError('MYSQL_UNREACHABLE', why);
  }
  const durability = await durabilityOf(context);
  return { kind: 'positions', positions, ...(durability === undefined ? {} : { durability }) };
}

/** What cannot be read is not known: a plan that needs it is blocked and says so. */
async function durabilityOf({ coordination, group, log }: PerformContext) {
  try {
    const terms = (await readDurability(coordination, group))?.terms;
    return terms?.map(({ holders, copies }) => ({ holders: [...holders], copies }));
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    log.error('where acknowledged transactions are cannot be read', { group, error: error.message });
    return undefined;
  }
}

/** Towards a source that hangs, the server itself waits for seconds before its receiver ends (2 s on 9.7.4). */
const hangingSourceMs = 5000;

async function stopReceiver(member: Member, { mysql, limits, signal }: PerformContext): Promise<void> {
  const timeoutMs = limits.gatherTimeoutMs + hangingSourceMs;
  await mysql.stopReceiver(member.endpoint, DEFAULT_CHANNEL, { timeoutMs, signal });
}

async function freezeOne(host: string, step: Of<'freeze'>, context: PerformContext): Promise<Frozen> {
  const { mayBeWritable } = step;
  const member = memberOf(context, host);
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  const agent = whyUnfit(member, context);
  try {
    await receiveRest(member, step, context);
    await stopReceiver(member, context);
    const status = await context.mysql.status(member.endpoint, options);
    const { executed, version } = status;
    const channel = defaultChannel(status);
    const retrieved = channel?.retrieved ?? '';
    const unheard = hasThrownAway(status, channel) ? { unheard: true } : {};
    const unfit =
      status.superReadOnly || mayBeWritable === true
        ? (whyWithoutGtids(status) ?? (await agent))
        : 'it is writable, though it is not the recorded primary';
    const told = { host, executed, retrieved, version, ...unheard };
    if (unfit !== undefined) return { position: { ...told, error: unfit }, returns: unfit === itIsErrant };
    const error = await whyReturning(member, executed, context);
    return error === undefined ? { position: told } : { position: { ...told, error }, returns: true };
  } catch (error) {
    return {
      position: { host, executed: '', retrieved: '', version: '', error: toDcmhaError(error).message },
    };
  }
}

/** The old primary lives and is read-only: what it has still arrives by itself, where an earlier freeze did not end that. */
async function receiveRest(
  member: Member,
  { until, from, mayBeWritable }: Of<'freeze'>,
  context: PerformContext,
): Promise<void> {
  if (until === undefined || (await receivesFromAnother(member, from, context))) return;
  const { mysql, limits, signal } = context;
  if (mayBeWritable !== true)
    await mysql.startReplication(member.endpoint, DEFAULT_CHANNEL, {
      timeoutMs: limits.gatherTimeoutMs,
      signal,
    });
  await receiveUntil(member, until, context);
}

/**
 * Its source is another member than the primary that was fenced: one that this server could not be taken from, by the last plan, and that may be back with
 * transactions which were given up since.
 */
async function receivesFromAnother(
  member: Member,
  from: string | undefined,
  { mysql, members, limits, signal }: PerformContext,
): Promise<boolean> {
  if (from === undefined) return false;
  const status = await mysql.status(member.endpoint, { timeoutMs: limits.gatherTimeoutMs, signal });
  const source = sourceMember(status, members);
  return source !== undefined && source.id !== from && source.id !== member.from;
}

interface Frozen {
  readonly position: Position;
  /** It holds transactions that the primary lacks, which are to be taken back, or are just being. */
  readonly returns?: boolean;
}

/** A server that started again throws away what it had received and not applied; it has it again once it has heard from its source. */
function hasThrownAway({ relayLogRecovery }: ServerStatus, channel: ChannelStatus | undefined): boolean {
  if (relayLogRecovery !== true || channel?.progress === undefined) return false;
  return channel.lastHeardMs === undefined;
}

/**
 * A former primary that came back, and of which nobody has looked yet what only it has: its agent may just be about to. It would be a
 * candidate that nobody else equals, and so bar all the others.
 */
async function whyReturning(
  { id }: Member,
  executed: string,
  { coordination }: PerformContext,
): Promise<string | undefined> {
  const mark = await readRejoinMark(coordination, id);
  if (mark === undefined || mark.executed === '') return undefined;
  const errant = parseGtidSet(executed).subtract(parseGtidSet(mark.executed));
  if (errant.isEmpty()) return undefined;
  return `it came back with transactions that ${mark.primary} lacked when it took over: ${errant.toCompactString()}`;
}

/** The elected one receives from the most advanced one what it lacks, by ordinary replication. */
export async function equalize(
  step: Of<'equalize'>,
  context: PerformContext,
  deadline: number,
): Promise<Outcome> {
  const [member, source] = [memberOf(context, step.host), memberOf(context, step.source)];
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  const wait = { ...options, timeoutMs: Math.max(1, deadline - context.clock.monotonic()) };
  // The source can only hand on what it has applied.
  await requireExecuted(source, step.until, context, wait.timeoutMs);
  await context.mysql.follow(member.endpoint, { source: source.endpoint, channel: DEFAULT_CHANNEL }, options);
  await requireExecuted(member, step.until, context, Math.max(1, deadline - context.clock.monotonic()));
  return { kind: 'done' };
}

/**
 * Applies all that was received, then forgets replication. Still read-only: writes open only after the record. `until` is what made it the
 * elected one: a restart since then has thrown its relay log away.
 */
export async function promote(
  step: Of<'promote'>,
  context: PerformContext,
  deadline: number,
): Promise<Outcome> {
  const member = memberOf(context, step.host);
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  if (step.receive === true) {
    if (step.read !== undefined) void publishAhead({ write: step.host, read: step.read }, context);
    // What the old primary has executed is all that there is, so nothing is received beyond it.
    const timeoutMs = Math.max(1, deadline - context.clock.monotonic());
    await requireExecuted(member, step.until ?? '', context, timeoutMs);
    return { kind: 'done' };
  }
  const { executed, retrieved } = await standStill(member, context);
  const held = executed.union(retrieved);
  const missing = parseGtidSet(step.until ?? '').subtract(held);
  if (!missing.isEmpty()) return { kind: 'fallen-back', missing: missing.toCompactString() };
  if (!executed.contains(retrieved)) {
    const leftMs = Math.min(context.limits.freezeTimeoutMs, deadline - context.clock.monotonic());
    await requireExecuted(member, retrieved.toCompactString(), context, Math.max(1, leftMs));
  }
  await context.mysql.resetReplication(member.endpoint, DEFAULT_CHANNEL, options);
  return { kind: 'done' };
}

/** What it has executed and received once it receives no more; mostly the freeze has seen to that. */
async function standStill(
  member: Member,
  context: PerformContext,
): Promise<{ readonly executed: GtidSet; readonly retrieved: GtidSet }> {
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  let status = await context.mysql.status(member.endpoint, options);
  if ((defaultChannel(status)?.receiver ?? 'off') !== 'off') {
    await stopReceiver(member, context);
    status = await context.mysql.status(member.endpoint, options);
  }
  const retrieved = parseGtidSet(defaultChannel(status)?.retrieved ?? '');
  return { executed: parseGtidSet(status.executed), retrieved };
}

async function requireExecuted(
  member: Member,
  gtids: string,
  context: PerformContext,
  timeoutMs: number,
): Promise<void> {
  const done = await context.mysql.waitExecuted(member.endpoint, gtids, {
    timeoutMs,
    signal: context.signal,
  });
  if (!done)
    throw new DcmhaError(
      'TIMED_OUT',
      `${member.id} has not applied what it received after ${Math.round(timeoutMs)} ms`,
    );
}
