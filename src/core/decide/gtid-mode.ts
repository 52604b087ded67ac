import type { ServerStatus } from '../../ports/mysql.ts';

/** With these, new transactions get a GTID. */
const withGtids: ReadonlySet<string> = new Set(['ON', 'ON_PERMISSIVE']);

/**
 * Why a server is neither to be written to nor to replicate: what it executes has no names. Undefined when it is fit,
 * and when nothing is known of it.
 */
export function whyWithoutGtids(status: Pick<ServerStatus, 'gtidMode'> | undefined): string | undefined {
  if (status === undefined || withGtids.has(status.gtidMode)) return undefined;
  return `gtid_mode is ${status.gtidMode}: set gtid_mode=ON and enforce_gtid_consistency=ON in its my.cnf and restart mysqld`;
}
