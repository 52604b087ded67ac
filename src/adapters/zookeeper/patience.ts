import { ASSOCIATING_STATE, CONNECTING_STATE } from './native-client.ts';

const ROUND_PAUSE_MS = 200;

/**
 * How long an attempt to connect may take, ms, by the client's state. A server that has taken the connection and does not answer
 * may be slow: then each attempt is given twice the time, so that the ensemble is not flooded with half-made sessions.
 */
export function patienceMs(
  state: number | undefined,
  attempts: { readonly made: number; readonly servers: number },
  longestMs: number,
): number {
  const usual = Math.min(1000, Math.max(100, longestMs / 6));
  if (state === ASSOCIATING_STATE) {
    return Math.min(longestMs, usual * 2 ** Math.max(0, attempts.made - attempts.servers));
  }
  if (state === CONNECTING_STATE) return usual;
  // Refused: the next server at once, but not round and round.
  return attempts.made % attempts.servers === 0 ? ROUND_PAUSE_MS : 0;
}
