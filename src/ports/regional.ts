import type { RegionalSource } from '../core/regional/link.ts';
import type { CallOptions } from './call-options.ts';
import type { Probe } from './mysql.ts';

/**
 * Servers of other regions, seen through the account that regional channels log in with: they may belong to another installation, and
 * are only ever looked at.
 */
export interface RegionalServers {
  /** Never throws. */
  probe(source: RegionalSource, options: CallOptions): Promise<Probe>;
}
