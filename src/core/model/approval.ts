/** A failover that waits for an operator, and the operator's word. Times in ms since 1970. */
export interface ApprovalRequest {
  /** The epoch of the primary that is to be replaced: a later one is another incident. */
  readonly epoch: number;
  readonly why: string;
  readonly askedAt: number;
  /** Absent: nobody has approved yet. */
  readonly approved?: Approval | undefined;
}

export interface Approval {
  readonly by: string;
  readonly at: number;
  /** Not acted upon by then, it is void. */
  readonly until: number;
  /** So many transactions may be lost, for they were shown. */
  readonly lost?: number | undefined;
}

/** The approval in force for the failover from the primary of `epoch`; undefined when there is none, or none any more. */
export function approvalInForce(
  request: ApprovalRequest | undefined,
  { epoch, now }: { readonly epoch: number | undefined; readonly now: number },
): Approval | undefined {
  if (request?.approved === undefined || request.epoch !== epoch) return undefined;
  return now < request.approved.until ? request.approved : undefined;
}
