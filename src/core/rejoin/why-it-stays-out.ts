import { parseGtidSet } from '../gtid/gtid-set.ts';
import type { ClonePolicy } from './clone-plan.ts';
import type { Saved, TableName } from './take-back-plan.ts';

/** What an operator is told of a server whose transactions were saved, and cannot be taken back. */
export function whyNotTakenBack(
  { obstacle, directory }: Pick<Saved, 'obstacle' | 'directory'>,
  { errant, clone }: { readonly errant: string; readonly clone: ClonePolicy | undefined },
): string {
  const count = parseGtidSet(errant).count().toString();
  const why = obstacle === undefined ? '' : `${obstacle.at}: ${obstacle.what} (${obstacle.reason})`;
  return (
    `${count} transactions that the primary lacks (${errant}) cannot be taken back, because of ${why}. They are saved in ` +
    `${directory}: see them there with \`dcmha rollback show\`, then ${remedyOf(clone)}`
  );
}

/** And of one whose rows are not the primary's although all was done. */
export function whyDifferent(
  { schema, table }: TableName,
  {
    directory,
    isCloned,
    clone,
  }: { readonly directory: string; readonly isCloned: boolean; readonly clone: ClonePolicy | undefined },
): string {
  const how = isCloned ? 'a CLONE' : 'taking back';
  return (
    `after ${how}, ${schema}.${table} is not what the primary has; replication is stopped. What was taken back is saved in ${directory}; ` +
    remedyOf(clone)
  );
}

function remedyOf(clone: ClonePolicy | undefined): string {
  const remedy = 're-provision this server from a healthy one';
  return clone === 'allowed' ? remedy : `${remedy}, or allow that its agent does: \`rejoin.clone: allowed\``;
}
