import { DcmhaError } from '../core/model/errors.ts';

/** The entry of a command's actions that the command line names. Throws `USAGE` naming them all, and what else there is. */
export function actionIn<T>(
  actions: Readonly<Record<string, T>>,
  named: string | undefined,
  ...others: readonly string[]
): T {
  const found = Object.entries(actions).find(([name]) => name === named);
  if (found !== undefined) return found[1];
  const known = [...Object.keys(actions), ...others].join(', ');
  throw new DcmhaError('USAGE', `no action ${JSON.stringify(named)}: ${known}`);
}

/** An option that the chosen action cannot do without. Throws `USAGE`. */
export function needed(value: string | undefined, what: string, remedy = ''): string {
  if (value !== undefined && value !== '') return value;
  throw new DcmhaError('USAGE', `${what} is missing${remedy}`);
}
