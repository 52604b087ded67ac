import type { GtidSet } from '../gtid/gtid-set.ts';

/** What another member of the group said about the transactions it has. */
export type OtherMember =
  | { readonly id: string; readonly kind: 'answered'; readonly held: GtidSet; readonly uuid: string }
  | {
      readonly id: string;
      readonly kind: 'silent';
      readonly why: string;
      /** What its own plan of return says that it had. */
      readonly told: GtidSet | undefined;
    };

/** A server that may hold the transactions that had the burnt names first. */
export interface Suspect {
  readonly id: string;
  readonly uuid?: string | undefined;
}

export interface BurnVerdict {
  /** GTIDs to be burnt; '' for none. */
  readonly burn: string;
  readonly suspects: readonly Suspect[];
  readonly detail: string;
}

/**
 * Whether the names of errant transactions must be burnt on the primary: executed there as empty transactions. Once they were taken back
 * here, this server would give the same names to other transactions as soon as it is the primary again, and a server that has executed
 * the errant ones would skip those. Who cannot be asked may have executed them.
 */
export function judgeOthers(lacking: GtidSet, self: Suspect, others: readonly OtherMember[]): BurnVerdict {
  if (lacking.isEmpty()) return { burn: '', suspects: [], detail: 'the primary has all these names already' };
  const found = others.flatMap((other) => suspicion(other, lacking));
  if (found.length === 0) return { burn: '', suspects: [], detail: 'nobody else has any of them' };
  return {
    burn: lacking.toCompactString(),
    suspects: [self, ...found.map(({ suspect }) => suspect)],
    detail: found.map(({ detail }) => detail).join('; '),
  };
}

function suspicion(
  other: OtherMember,
  lacking: GtidSet,
): readonly { readonly suspect: Suspect; readonly detail: string }[] {
  const { id } = other;
  if (other.kind === 'answered') {
    const held = other.held.intersect(lacking);
    if (held.isEmpty()) return [];
    return [{ suspect: { id, uuid: other.uuid }, detail: `${id} has ${held.toCompactString()}` }];
  }
  const told = other.told?.intersect(lacking);
  const what =
    told === undefined || told.isEmpty()
      ? `may have them: ${other.why}`
      : `does not answer, and had ${told.toCompactString()}`;
  return [{ suspect: { id }, detail: `${id} ${what}` }];
}
