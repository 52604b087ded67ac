import { znodes } from '../store/znodes.ts';
import type { PerformContext } from './context.ts';

/**
 * A session can end before its time: by an administrator, or with an ensemble that lost its memory. What was written last under it tells
 * whether the lease that this gave is over: that ends, with the fence after it, one session timeout after the write. Both times are the
 * ensemble's: the journal was written just before the step that began at `since` (monotonic, ms). Empty when no lease can be left; a
 * session that has expired is older than that anyway, so this costs nothing then.
 */
export async function watermarkLease(context: PerformContext, since: number): Promise<string[]> {
  const { coordination, group, clock } = context;
  const [watermark, journal] = await Promise.all([
    coordination.read(znodes.watermark(group)),
    coordination.read(znodes.journal(group)),
  ]);
  if (watermark === undefined || journal === undefined) return [];
  const ageMs = journal.modifiedAt - watermark.modifiedAt + (clock.monotonic() - since);
  const leftMs = Math.ceil(coordination.sessionTimeoutMs() - ageMs);
  return leftMs > 0 ? [`the lease may run for ${leftMs} ms more, though its session is gone`] : [];
}
