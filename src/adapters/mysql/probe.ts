import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import { hasCode, toDcmhaError } from '../../core/model/errors.ts';
import type { Probe } from '../../ports/mysql.ts';
import type { Deadline } from '../system/deadline.ts';
import { readStatus } from './server-status.ts';
import type { SessionPool } from './session-pool.ts';

/** ER_QUERY_TIMEOUT: not sent by the server here, but it says what happened. */
const SLOW_ANSWER = 3024;

export type FailedProbe = Exclude<Probe, { kind: 'up' }>;

/**
 * One look at a server, as a value. Whoever completes a handshake or answers a statement is alive, so a state that does not come in
 * time after that is a refusal and not silence: SHOW REPLICA STATUS waits while a channel is being stopped, for one.
 */
export async function probeServer(pool: SessionPool, server: Endpoint, deadline: Deadline): Promise<Probe> {
  const started = performance.now();
  let answeredAt = 0;
  try {
    return await pool.with(server, deadline, async (session) => {
      answeredAt = session.openedAt;
      const status = await readStatus(session, deadline, () => (answeredAt = performance.now()));
      return { kind: 'up', status };
    });
  } catch (error) {
    if (!hasCode(error, 'TIMED_OUT')) return failedProbe(error);
    if (answeredAt >= started) {
      const message = `${formatEndpoint(server)} answers, but its state did not come in time`;
      return { kind: 'refused', errno: SLOW_ANSWER, message };
    }
    const code = error.details['reason'] === 'abort' ? 'ABORT_ERR' : 'ETIMEDOUT';
    return { kind: 'down', code, message: error.message };
  }
}

/** What a thrown connection error says about the server. */
export function failedProbe(error: unknown): FailedProbe {
  const { message, details } = toDcmhaError(error);
  if (hasCode(error, 'MYSQL_UNREACHABLE')) {
    return { kind: 'down', code: String(details['code'] ?? 'UNKNOWN'), message };
  }
  // Anything else was said by a living server, or by ourselves about its answer.
  return { kind: 'refused', errno: Number(details['errno'] ?? 0), message };
}
