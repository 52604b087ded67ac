import type { ClockOffset } from '../../ports/mysql.ts';
import type { Deadline } from '../system/deadline.ts';
import type { Session } from './session.ts';

const TRIES = 3;

/** The quickest of a few exchanges tells most: the server has read its clock somewhere between question and answer. */
export async function measureClock(session: Session, deadline: Deadline): Promise<ClockOffset> {
  let best: ClockOffset | undefined;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const asked = performance.now();
    const [row] = await session.query('SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS now', [], deadline);
    const roundTripMs = performance.now() - asked;
    const aheadMs = Number(row?.['now']) + roundTripMs / 2 - Date.now();
    if (best === undefined || roundTripMs < best.roundTripMs) best = { aheadMs, roundTripMs };
  }
  return best ?? { aheadMs: 0, roundTripMs: Infinity };
}
