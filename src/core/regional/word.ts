import type { ServerStatus } from '../../ports/mysql.ts';
import { defaultChannel } from '../decide/replication.ts';
import { EMPTY_GTID_SET, parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import { formatEndpoint } from '../model/endpoint.ts';
import type { Candidate } from './choose-source.ts';

/** What a region says about transactions. */
export interface RegionalWord {
  /** Those of them that some server there has. */
  readonly held: GtidSet;
  /** Servers, as `host:port`, that may have others of them: nobody who answered must have all that they have. */
  readonly silent: readonly string[];
}

/**
 * Who is written to there, and replicates from nobody, has whatever any other has, so its word is the region's. Without it, a replica that
 * answers may be behind one that does not.
 */
export function wordOf(answers: readonly Candidate[], wanted: GtidSet): RegionalWord {
  const statuses = answers.flatMap(({ probe }) => (probe.kind === 'up' ? [probe.status] : []));
  const held = statuses.reduce(
    (all, { executed }) => all.union(parseGtidSet(executed).intersect(wanted)),
    EMPTY_GTID_SET,
  );
  const silent = statuses.some(isWrittenTo) ? [] : answers.filter(({ probe }) => probe.kind !== 'up');
  return { held, silent: silent.map(({ source }) => formatEndpoint(source.endpoint)) };
}

function isWrittenTo(status: ServerStatus): boolean {
  return !status.readOnly && defaultChannel(status) === undefined;
}
