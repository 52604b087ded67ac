import type { Outcome } from '../plan/steps.ts';
import { hasCode, toDcmhaError } from '../model/errors.ts';
import { readPresence } from '../store/presences.ts';
import type { PerformContext } from './context.ts';

/** What is done at the elected server. When its agent says that it is gone, or is gone itself, nobody waits for the step's deadline. */
export async function unlessGone(
  host: string,
  { coordination }: PerformContext,
  work: Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work;
  } catch (thrown) {
    if (!hasCode(thrown, 'MYSQL_UNREACHABLE')) throw thrown;
    const presence = await readPresence(coordination, host);
    if (presence !== undefined && presence.verdict !== 'dead') throw thrown;
    const { code, message } = toDcmhaError(thrown);
    return { kind: 'failed', code, why: `${host}, which was elected, is gone: ${message}` };
  }
}
