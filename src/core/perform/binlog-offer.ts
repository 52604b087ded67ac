import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { hasCode, type DcmhaError } from '../model/errors.ts';
import { agentApi } from '../peer/agent-api.ts';
import { callPeer } from '../peer/api.ts';
import { readPresence } from '../store/presences.ts';
import type { Standing } from './catch-up-standing.ts';

/** What an agent hands out. */
export interface Offered {
  readonly kind: 'offer';
  /** 0: nothing. */
  readonly port: number;
  /** All that the binlog holds beyond what the elected one has. */
  readonly missing: GtidSet;
  readonly transactions: number;
  readonly sizeBytes: number;
}

export type BinlogAnswer = Offered | { readonly kind: 'none'; readonly why: string };

const retryMs = 200;
/** A fence by an agent that was not there before must not cost more. */
const lateFenceMs = 1000;

/**
 * What the old primary's agent has for the elected one. An agent that was there for the fence and does not answer now is waited for until
 * the deadline: it may be starting again. One that was not there is asked only if it is back by now.
 */
export async function askForBinlog(standing: Standing): Promise<BinlogAnswer> {
  if (!standing.agentFenced) {
    const absent = await fenceLate(standing);
    if (absent !== undefined) return { kind: 'none', why: absent };
  }
  const { clock, signal } = standing.context;
  for (;;) {
    try {
      return await ask(standing);
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, 'PEER_UNREACHABLE', 'PEER_REFUSED', 'PEER_PROTOCOL')) throw error;
      if (!isPassing(error, standing) || clock.monotonic() + retryMs >= standing.deadline)
        return { kind: 'none', why: error.message };
      await clock.pause(retryMs, signal);
    }
  }
}

/** The agent may be starting again, or mysqld: while that recovers, the agent can neither make it read-only nor call it gone. */
function isPassing(error: DcmhaError, { agentFenced }: Standing): boolean {
  if (error.code === 'PEER_UNREACHABLE') return agentFenced;
  const code = error.details['code'];
  return code === 'MYSQL_UNREACHABLE' || code === 'MYSQL_REFUSED' || code === 'TIMED_OUT';
}

async function ask({ context, step, from, held, only, deadline }: Standing): Promise<Offered> {
  const answer = await callPeer(context.peers, agentApi, from.agent, {
    method: 'serveBinlog',
    params: {
      group: context.group,
      epoch: step.epoch,
      have: held.toCompactString(),
      ...(only === undefined ? {} : { only: only.toCompactString() }),
    },
    timeoutMs: Math.max(1, deadline - context.clock.monotonic()),
    signal: context.signal,
  });
  return { kind: 'offer', ...answer, missing: parseGtidSet(answer.missing) };
}

/** An agent hands out nothing without its own fence. Why it gave none; undefined when it did. */
async function fenceLate({ context, step, from }: Standing): Promise<string | undefined> {
  const { coordination, peers, group, signal } = context;
  const presence = await readPresence(coordination, from.id);
  if (presence === undefined) return `the agent of ${from.id} is away`;
  try {
    const params = { group, epoch: step.epoch, mayKill: false };
    const request = { method: 'fence', params, timeoutMs: lateFenceMs, signal } as const;
    await callPeer(peers, agentApi, from.agent, request);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!hasCode(error, 'PEER_UNREACHABLE', 'PEER_REFUSED', 'PEER_PROTOCOL')) throw error;
    return error.message;
  }
}

/** The agent would end it by itself after a while, so nobody waits for this. */
export function stopBinlog({ context, step, from }: Standing): void {
  const { peers, group, limits, log } = context;
  const params = { group, epoch: step.epoch };
  callPeer(peers, agentApi, from.agent, {
    method: 'stopBinlog',
    params,
    timeoutMs: limits.peerTimeoutMs,
  }).catch(() => log.debug('binlog service not told to end', { host: from.id }));
}
