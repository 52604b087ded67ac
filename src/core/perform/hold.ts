import { formatEndpoint } from '../model/endpoint.ts';
import { DcmhaError, toDcmhaError } from '../model/errors.ts';
import { agentApi } from '../peer/agent-api.ts';
import { callPeer } from '../peer/api.ts';
import type { SwitchoverTerms } from '../plan/switchover-terms.ts';
import type { Outcome, Step } from '../plan/steps.ts';
import { readRouteAcks } from '../store/routes.ts';
import { memberOf, type PerformContext } from './context.ts';
import { longTransactions } from './preflight.ts';
import { changeRoute, pushRouters } from './routing.ts';

type Of<K extends Step['kind']> = Extract<Step, { kind: K }>;

const quickPollMs = 5;
/** Routers that answer are heard of sooner than ZooKeeper tells. */
const answerMs = 50;
const waitPollMs = 100;

/**
 * The candidate has all that the primary had a moment ago, and no long transaction is open there (unless the operator wants such ended): then the
 * pause can be short. Throws `TIMED_OUT` when that does not come about.
 */
export async function prewarm(
  step: Of<'prewarm'>,
  { transactions, waitMs }: SwitchoverTerms,
  context: PerformContext,
): Promise<Outcome> {
  const [candidate, primary] = [memberOf(context, step.host), memberOf(context, step.from)];
  const options = { timeoutMs: context.limits.gatherTimeoutMs, signal: context.signal };
  const deadline = context.clock.monotonic() + waitMs;
  // They have nothing to do; but connections to them stand when clients wait.
  void pushRouters(context);
  void prepareFence(step.from, context);
  for (;;) {
    const { executed } = await context.mysql.status(primary.endpoint, options);
    const leftMs = Math.max(1, deadline - context.clock.monotonic());
    const caughtUp = await context.mysql.waitExecuted(candidate.endpoint, executed, {
      ...options,
      timeoutMs: leftMs,
    });
    if (!caughtUp) throw late(`${step.host} has not caught up with ${step.from} after ${waitMs} ms`);
    if (transactions !== 'wait') return { kind: 'done' };
    const survey = await context.mysql.survey(primary.endpoint, options);
    const open = longTransactions(survey);
    if (open.length === 0) return { kind: 'done' };
    if (context.clock.monotonic() + waitPollMs >= deadline) {
      throw late(`transactions are still open at ${step.from}: ${open.join(', ')}`);
    }
    await context.clock.pause(waitPollMs, context.signal);
    context.signal.throwIfAborted();
  }
}

function late(message: string): DcmhaError {
  return new DcmhaError('TIMED_OUT', message);
}

/**
 * Publishes that new connections wait, and returns once every router says that they do. One that cannot hold is named; one that does not say
 * anything makes the step fail, for its clients would meet a primary that is no more.
 */
export async function holdRoute(
  step: Of<'hold-route'>,
  context: PerformContext,
  deadline: number,
): Promise<Outcome> {
  if (step.from !== undefined) void prepareFence(step.from, context);
  const version = await changeRoute(context, (route) => ({ ...route, holdMs: step.forMs }));
  const answers = new Map<string, boolean>();
  // A router that answers a push need not be read of in ZooKeeper.
  const pushed = pushRouters(context, {
    heard: (router, said) => {
      if (said.version >= version) answers.set(formatEndpoint(router), said.held);
    },
  });
  await Promise.race([pushed, context.clock.pause(answerMs, context.signal)]);
  for (;;) {
    if (answers.size < context.routers.length)
      for (const ack of await readRouteAcks(context.coordination, context.group)) {
        if (ack.version >= version) answers.set(ack.router, ack.held === true);
      }
    const silent = context.routers.map(formatEndpoint).filter((router) => !answers.has(router));
    if (silent.length === 0) break;
    if (context.clock.monotonic() + quickPollMs >= deadline)
      throw late(`routers do not say that their clients wait: ${silent.join(', ')}`);
    await context.clock.pause(quickPollMs, context.signal);
    context.signal.throwIfAborted();
  }
  const all = [...answers];
  return {
    kind: 'held',
    routers: all.flatMap(([router, held]) => (held ? [router] : [])),
    without: all.flatMap(([router, held]) => (held ? [] : [router])),
  };
}

/** The drain does without, but cannot tell then who has just come. Never rejects. */
async function prepareFence(host: string, context: PerformContext): Promise<void> {
  const { peers, group, limits, signal, log } = context;
  try {
    await callPeer(peers, agentApi, memberOf(context, host).agent, {
      method: 'prepareFence',
      params: { group },
      timeoutMs: limits.peerTimeoutMs,
      signal,
    });
  } catch (thrown) {
    log.debug('fence not prepared', { host, error: toDcmhaError(thrown).message });
  }
}
