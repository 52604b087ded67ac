import { whyWithoutGtids } from '../decide/gtid-mode.ts';
import { compareSeries } from '../decide/placement.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import { formatEndpoint, sameEndpoint } from '../model/endpoint.ts';
import { toDcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import type { SwitchoverTerms } from '../plan/switchover-terms.ts';
import type { Outcome, Position, Step } from '../plan/steps.ts';
import type { ServerStatus } from '../../ports/mysql.ts';
import type { ServerSurvey } from '../../ports/switchover.ts';
import { readBurnt } from '../store/burnt.ts';
import { readRoute, readRouteAcks } from '../store/routes.ts';
import { memberOf, type LookContext } from './context.ts';
import { whyUnfit } from './fencing.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

/** A transaction that is open for this long would keep the clients waiting. */
const longTransactionS = 1;

/** Those, a word on each. */
export function longTransactions({ transactions }: ServerSurvey): readonly string[] {
  return transactions
    .filter(({ seconds }) => seconds >= longTransactionS)
    .map(({ session, user, seconds }) => `session ${session} of ${user} for ${seconds} s`);
}

interface Surveyed {
  readonly member: Member;
  /** Why it could not be asked. */
  readonly error?: string;
  readonly status?: ServerStatus;
  readonly survey?: ServerSurvey;
  /** What its agent says against it. */
  readonly unfit?: string | undefined;
}

/** Asks everybody at once and changes nothing. Problems are collected, so that an operator sees all of them, not one after the other. */
export async function preflight(
  step: Of<'preflight'>,
  terms: Pick<SwitchoverTerms, 'transactions'>,
  context: LookContext,
): Promise<Extract<Outcome, { kind: 'surveyed' }>> {
  const all = await Promise.all(step.hosts.map((host) => surveyOne(memberOf(context, host), context)));
  const primary = all.find(({ member }) => member.id === step.from);
  const others = all.filter((one) => one !== primary);
  const problems = [
    ...(primary === undefined ? [`${step.from} is no member any more`] : problemsOfPrimary(primary, terms)),
    ...(await problemsOfRouters(step.from, context)),
  ];
  const positions = await Promise.all(others.map((one) => positionOf(one, { primary, others }, context)));
  const version = primary?.status?.version;
  return { kind: 'surveyed', positions, problems, ...(version === undefined ? {} : { version }) };
}

async function surveyOne(member: Member, context: LookContext): Promise<Surveyed> {
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  try {
    const [status, survey, unfit] = await Promise.all([
      context.mysql.status(member.endpoint, options),
      context.mysql.survey(member.endpoint, options),
      whyUnfit(member, context),
    ]);
    return { member, status, survey, unfit };
  } catch (thrown) {
    return { member, error: toDcmhaError(thrown).message };
  }
}

function problemsOfPrimary(
  { member, error, status, survey, unfit }: Surveyed,
  { transactions }: Pick<SwitchoverTerms, 'transactions'>,
): string[] {
  const { id, group } = member;
  if (status === undefined || survey === undefined)
    return [
      `${id} does not answer (${error ?? ''}): dcmha failover --group ${group} moves a primary that is gone`,
    ];
  const open = longTransactions(survey);
  return [
    ...(status.superReadOnly || status.readOnly ? [`${id} is the recorded primary but read-only`] : []),
    ...(unfit === undefined ? [] : [`${id}: ${unfit}`]),
    ...missing(id, survey),
    ...(transactions === 'abort' && open.length > 0
      ? [`transactions are open at ${id}: ${open.join(', ')}; --transactions wait or kill goes on`]
      : []),
  ];
}

function missing(id: string, { missingGrants }: ServerSurvey): string[] {
  return missingGrants.length === 0 ? [] : [`our account at ${id} lacks ${missingGrants.join(', ')}`];
}

/** Whoever does not have the route in force now would not hold its clients either. */
async function problemsOfRouters(from: string, context: LookContext): Promise<string[]> {
  const { coordination, group, routers } = context;
  const published = await readRoute(coordination, group);
  const { endpoint } = memberOf(context, from);
  if (published === undefined) return [`no route is published for ${group}`];
  if (!sameEndpoint(published.route.write, endpoint)) return [`the route does not write to ${from}`];
  const acks = await readRouteAcks(coordination, group);
  return routers.map(formatEndpoint).flatMap((router) => {
    const ack = acks.find((one) => one.router === router);
    if (ack === undefined) return [`router ${router} is not there: start it, or dcmha delroute`];
    const isCurrent = ack.version >= published.version && ack.write === formatEndpoint(endpoint);
    return isCurrent ? [] : [`router ${router} does not have the present route in force`];
  });
}

async function positionOf(
  one: Surveyed,
  rest: { readonly primary: Surveyed | undefined; readonly others: readonly Surveyed[] },
  context: LookContext,
): Promise<Position> {
  const { member, status, survey, error } = one;
  const host = member.id;
  if (status === undefined || survey === undefined)
    return { host, executed: '', retrieved: '', version: '', error: error ?? 'it does not answer' };
  const { executed, version, channels } = status;
  const retrieved = channels.find(({ name }) => name === '')?.retrieved ?? '';
  const why =
    one.unfit ??
    whyWithoutGtids(status) ??
    whyNoSource({ member, status, survey }, rest) ??
    (await whyInQuestion(member, context));
  return { host, executed, retrieved, version, ...(why === undefined ? {} : { error: why }) };
}

interface Answered {
  readonly member: Member;
  readonly status: ServerStatus;
  readonly survey: ServerSurvey;
}

/** What keeps a replica from being a source that all the others can follow. */
function whyNoSource(
  { member, status, survey }: Answered,
  { primary, others }: { readonly primary: Surveyed | undefined; readonly others: readonly Surveyed[] },
): string | undefined {
  if (!status.superReadOnly) return 'it is writable';
  if (!survey.logsReplicated) return 'it keeps no binlog of what it applies (log_bin, log_replica_updates)';
  return (
    whyNotBehind(status, primary) ??
    whyOthersCannotFollow({ member, status }, primary === undefined ? others : [...others, primary]) ??
    missing(member.id, survey)[0]
  );
}

function whyNotBehind(status: ServerStatus, primary: Surveyed | undefined): string | undefined {
  const channel = status.channels.find(({ name }) => name === '');
  if (channel === undefined || !sameEndpoint(channel.source, primary?.member.endpoint))
    return 'it does not replicate from the primary';
  const { receiver, applier, receiverError, applierError } = channel;
  if (receiver !== 'on' || applier !== 'on') {
    const why = receiverError ?? applierError ?? `receiver ${receiver}, applier ${applier}`;
    return `its replication does not run: ${why}`;
  }
  // It was asked in the same moment, so it may be ahead of the primary's answer, by what it received.
  const errant = parseGtidSet(status.executed)
    .subtract(parseGtidSet(primary?.status?.executed ?? ''))
    .subtract(parseGtidSet(channel.retrieved));
  return errant.isEmpty()
    ? undefined
    : `it has transactions that the primary lacks: ${errant.toCompactString()}`;
}

function whyOthersCannotFollow(
  { member, status }: Pick<Answered, 'member' | 'status'>,
  others: readonly Surveyed[],
): string | undefined {
  const purged = parseGtidSet(status.purged);
  for (const other of others) {
    if (other.status === undefined || other.member.id === member.id) continue;
    const lacking = purged.subtract(parseGtidSet(other.status.executed));
    if (!lacking.isEmpty())
      return `its binlog no longer has what ${other.member.id} needs: ${lacking.toCompactString()}`;
    if (compareSeries(other.status.version, status.version) < 0)
      return `${other.member.id} is of version ${other.status.version}, and a replica must not be older than its source`;
  }
  return undefined;
}

async function whyInQuestion(
  { id }: Member,
  { coordination }: Pick<LookContext, 'coordination'>,
): Promise<string | undefined> {
  const burnt = await readBurnt(coordination, id);
  return burnt === undefined
    ? undefined
    : `it may hold other transactions than the primary under ${burnt.gtids}`;
}
