import { DcmhaError } from '../../core/model/errors.ts';

/** One primary's term in one group. */
export interface EpochOf {
  readonly group: string;
  readonly epoch: number;
}

/** A no that is an answer: `reason` is stable, `why` is for people. */
export function refused({ reason, why }: { readonly reason: string; readonly why: string }): DcmhaError {
  return new DcmhaError('PEER_REFUSED', why, { details: { reason } });
}
