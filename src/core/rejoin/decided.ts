import type { ServerStatus } from '../../ports/mysql.ts';
import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';

/**
 * What a primary has executed, or is in the middle of committing: such a transaction is in its binlog and may have been executed by replicas
 * long before, when the commit waits for their word or for the disk. It is nobody's alone.
 */
export function decidedBy({ executed, owned = '' }: Pick<ServerStatus, 'executed' | 'owned'>): GtidSet {
  return parseGtidSet(executed).union(parseGtidSet(owned));
}
