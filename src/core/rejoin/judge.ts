import { invertible, nameOf, planInversion, type InversionFacts } from '../salvage/invert.ts';
import type { Invertibility } from '../salvage/invert.ts';
import type { Survey } from '../salvage/survey-model.ts';
import { tableName } from '../salvage/table-catalog.ts';
import type { ErrantSurvey } from './survey-errant.ts';

/** What must be known of the server's tables, as they are now. */
export interface TableStanding {
  readonly facts: InversionFacts;
  /** The engine of a table without transactions, which a crash could leave half taken back; undefined for the others. */
  readonly engineWithout: (schema: string, table: string) => string | undefined;
}

/** Why the transactions stay: which of them, a stable reason, a sentence. */
export interface RejoinObstacle {
  readonly at: string;
  readonly reason: string;
  readonly what: string;
}

export type RejoinVerdict =
  | {
      readonly kind: 'invertible';
      readonly rollbackXa: readonly string[];
      /** Newest first. */
      readonly undo: readonly Survey[];
    }
  | { readonly kind: 'not-invertible'; readonly obstacle: RejoinObstacle };

/** Whether all of it can be taken back, exactly, from a server on which nothing came after. */
export function judgeErrant(found: ErrantSurvey, standing: TableStanding): RejoinVerdict {
  if (!found.missing.isEmpty()) {
    return refused(found.missing.toCompactString(), 'purged', 'it is in none of the binlog files any more');
  }
  if (found.behind !== undefined) {
    return refused(
      found.behind,
      'not-the-last',
      'it is no errant transaction, and came after one: rows may have been changed since',
    );
  }
  for (const survey of found.surveys) {
    const obstacle = engineObstacle(survey, standing);
    if (obstacle !== undefined) return { kind: 'not-invertible', obstacle };
  }
  const plan = planInversion(found.surveys, standing.facts);
  return plan.kind === 'plan'
    ? { kind: 'invertible', rollbackXa: plan.rollbackXa, undo: plan.undo }
    : refused(nameOf(plan.survey), plan.reason, plan.what);
}

/** Of one transaction alone, for its record. */
export function invertibilityOf(survey: Survey, standing: TableStanding): Invertibility {
  return invertible(survey, standing.facts);
}

function engineObstacle(survey: Survey, standing: TableStanding): RejoinObstacle | undefined {
  for (const { table } of survey.rows) {
    const { schema, table: name } = table.format.table;
    const engine = standing.engineWithout(schema, name);
    if (engine === undefined) continue;
    const what = `${tableName(table)} is of ${engine}, which has no transactions`;
    return { at: nameOf(survey), reason: 'no-transactions', what };
  }
  return undefined;
}

function refused(at: string, reason: string, what: string): RejoinVerdict {
  return { kind: 'not-invertible', obstacle: { at, reason, what } };
}
