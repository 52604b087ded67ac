import { refuseAcceptance, type AcceptRequest, type WriterSituation } from '../../core/decide/writer.ts';
import type { Log } from '../../ports/system.ts';
import type { LeaseKeeper } from './lease.ts';
import type { AgentRecall } from './memory.ts';
import { refused } from './refusal.ts';

/** Promises that none is opened here for `forMs`, for the sake of a primary that is cut off. Throws `PEER_REFUSED`. */
export async function acceptPrimary(
  { forMs, ...request }: AcceptRequest & { readonly forMs: number },
  situation: WriterSituation,
  { lease, recall, log }: { readonly lease: LeaseKeeper; readonly recall: AgentRecall; readonly log: Log },
): Promise<void> {
  const { sessionTimeoutMs } = lease.terms;
  if (forMs > sessionTimeoutMs) {
    const why = `a promise for ${forMs} ms is longer than a session (${sessionTimeoutMs} ms): no lease is`;
    throw refused({ reason: 'lease-too-long', why });
  }
  const fencedEpoch = recall.fencedEpoch(request.group);
  const refusal = refuseAcceptance(request, { ...situation, fencedEpoch, leaseOver: lease.over() });
  if (refusal !== undefined) throw refused(refusal);
  if (request.primary !== situation.self) await recall.accept(request, forMs);
  log.info('primary accepted without ZooKeeper', { ...request, forMs });
}
