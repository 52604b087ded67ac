import { DEFAULT_CHANNEL } from '../decide/replication.ts';
import { parseGtidSet } from '../gtid/gtid-set.ts';
import { toDcmhaError } from '../model/errors.ts';
import type { Member } from '../model/group.ts';
import { readBurnt } from '../store/burnt.ts';
import type { Attached } from './attaching.ts';
import { memberOf, type PerformContext } from './context.ts';

/**
 * Points all of them at `source`, at once; those with an intermediate (`from`) after it, and at it, when it follows and has what they have.
 * When not, they too follow `source`, and their agents bring them back. `before`: what was done already.
 */
export async function repointAll(
  hosts: readonly string[],
  source: Member,
  context: PerformContext,
  before: readonly Attached[] = [],
): Promise<readonly Attached[]> {
  const done = new Map(before.map((one) => [one.host, one]));
  let waiting = hosts.filter((host) => !done.has(host)).map((host) => memberOf(context, host));
  while (waiting.length > 0) {
    const later = waiting.filter(({ from }) => waiting.some(({ id }) => id === from));
    // In a circle, everybody waits for somebody.
    const now =
      later.length === waiting.length ? waiting : waiting.filter((member) => !later.includes(member));
    const results = await Promise.all(now.map((member) => attach(member, source, done, context)));
    for (const result of results) done.set(result.host, result);
    waiting = waiting.filter((member) => !now.includes(member));
  }
  return hosts.flatMap((host) => done.get(host) ?? []);
}

async function attach(
  member: Member,
  source: Member,
  done: ReadonlyMap<string, Attached>,
  context: PerformContext,
): Promise<Attached> {
  const above = member.from === undefined ? undefined : done.get(member.from);
  if (above === undefined || above.why !== undefined) return repointOne(member, source, context);
  const below = await repointOne(member, memberOf(context, above.host), context);
  return below.why === undefined ? below : repointOne(member, source, context);
}

async function repointOne(member: Member, source: Member, context: PerformContext): Promise<Attached> {
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  try {
    const errant = await errantOf(member, source, context);
    if (errant !== '')
      return { host: member.id, why: `it holds transactions that ${source.id} does not: ${errant}` };
    const burnt = await readBurnt(context.coordination, member.id);
    if (burnt !== undefined)
      return {
        host: member.id,
        why: `it may hold other transactions than ${source.id} under ${burnt.gtids}`,
      };
    await context.mysql.follow(
      member.endpoint,
      { source: source.endpoint, channel: DEFAULT_CHANNEL },
      options,
    );
    return { host: member.id };
  } catch (error) {
    return { host: member.id, why: toDcmhaError(error).message };
  }
}

/** What a replica holds and its new source does not. The replica is read first: the source only grows. */
async function errantOf(
  member: Member,
  source: Member,
  { mysql, limits, signal }: PerformContext,
): Promise<string> {
  const options = { timeoutMs: limits.gatherTimeoutMs, signal };
  const own = parseGtidSet((await mysql.status(member.endpoint, options)).executed);
  const shared = parseGtidSet((await mysql.status(source.endpoint, options)).executed);
  return own.subtract(shared).toCompactString();
}
