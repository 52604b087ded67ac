import type { CloneFacts } from '../../ports/clone.ts';
import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { Endpoint } from '../model/endpoint.ts';
import { formatEndpoint } from '../model/endpoint.ts';
import type { Member, PresenceRecord } from '../model/group.ts';

/** Why a server cannot be cloned from. `passes`: it may be otherwise soon. */
export interface Unfit {
  readonly why: string;
  readonly passes: boolean;
}

/** The plugin came with 8.0.17. */
const firstVersion: Version = [8, 0, 17];
/** Since then, releases of one series clone from each other. */
const looseSince: Version = [8, 0, 37];

/** The members to ask, best first: replicas that read from the recorded primary, of the same data centre first; the primary itself last. */
export function donorsInOrder(
  members: readonly Member[],
  { self, primary }: { readonly self: string; readonly primary: string },
): readonly Member[] {
  const dc = members.find(({ id }) => id === self)?.dc ?? '';
  const rank = ({ id, dc: other = '' }: Member): number => (id === primary ? 2 : other === dc ? 0 : 1);
  return members
    .filter(({ id }) => id !== self)
    .toSorted((a, b) => rank(a) - rank(b) || b.priority - a.priority || a.id.localeCompare(b.id));
}

/** By what its agent says: only a replica that keeps up with the recorded primary is a copy worth having. */
export function unfitByPresence(
  presence: PresenceRecord | undefined,
  primary: { readonly endpoint: Endpoint; readonly isIt: boolean },
): Unfit | undefined {
  if (presence === undefined) return { why: 'its agent is gone', passes: true };
  if (presence.verdict !== 'up') return { why: `its MySQL is ${presence.verdict}`, passes: true };
  if (primary.isIt) return undefined;
  const { replication } = presence;
  if (replication?.state !== 'replicating' || replication.source !== formatEndpoint(primary.endpoint))
    return { why: `its replication is ${replication?.state ?? 'unknown'}`, passes: true };
  if ((replication.lagMs ?? 0) > 0) return { why: `it is ${replication.lagMs} ms behind`, passes: true };
  return undefined;
}

export interface DonorQuestion {
  readonly own: CloneFacts;
  readonly donor: CloneFacts;
  /** What the primary had executed when it was asked after the donor. */
  readonly primaryExecuted: GtidSet;
  /** What is to be gone from here. */
  readonly errant: GtidSet;
  /** Free on the disk of the server's data; undefined when that cannot be told. */
  readonly freeBytes: number | undefined;
}

/** By what the servers say of themselves. */
export function unfitByFacts({ own, donor, ...asked }: DonorQuestion): Unfit | undefined {
  const versions = unlikeVersions(own.version, donor.version);
  if (versions !== undefined) return { why: versions, passes: false };
  if (donor.strangers.length > 0) {
    const names = donor.strangers.map(({ table, engine }) => `${table} (${engine})`).join(', ');
    return { why: `CLONE would leave tables empty that are not of InnoDB: ${names}`, passes: false };
  }
  return unfitByGtids(parseGtidSet(donor.executed), asked) ?? unfitBySize({ own, donor, ...asked });
}

function unfitByGtids(
  executed: GtidSet,
  { primaryExecuted, errant }: Pick<DonorQuestion, 'primaryExecuted' | 'errant'>,
): Unfit | undefined {
  const more = executed.subtract(primaryExecuted);
  if (!more.isEmpty())
    return { why: `it has ${more.toCompactString()}, which the primary lacks`, passes: true };
  // Those that the primary has since are empty ones of the same names.
  const shared = errant.subtract(primaryExecuted);
  return executed.overlaps(shared)
    ? { why: 'it has some of the transactions that are to be gone', passes: false }
    : undefined;
}

/** What is here goes before the copy comes. */
function unfitBySize({
  own,
  donor,
  freeBytes,
}: Pick<DonorQuestion, 'own' | 'donor' | 'freeBytes'>): Unfit | undefined {
  if (freeBytes === undefined) return undefined;
  const room = freeBytes + own.sizeBytes;
  if (donor.sizeBytes <= room) return undefined;
  return {
    why: `its data takes ${donor.sizeBytes} bytes, and here is room for ${room}, what is dropped first included`,
    passes: false,
  };
}

type Version = readonly [major: number, minor: number, patch: number];

/** CLONE is for servers of one series (8.0, 8.4, 9.7), before 8.0.37 of one release. */
function unlikeVersions(own: string, donor: string): string | undefined {
  const [here, there] = [versionOf(own), versionOf(donor)];
  if (isBefore(here, firstVersion) || isBefore(there, firstVersion))
    return `CLONE needs MySQL 8.0.17 or newer: here is ${own}, there ${donor}`;
  const isOneSeries = here[0] === there[0] && here[1] === there[1];
  const isStrict = isBefore(here, looseSince) || isBefore(there, looseSince);
  if (isOneSeries && (!isStrict || here[2] === there[2])) return undefined;
  return `it runs MySQL ${donor}, and here is ${own}: CLONE wants the same series`;
}

function versionOf(text: string): Version {
  const [, major = 0, minor = 0, patch = 0] = /^(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major), Number(minor), Number(patch)];
}

function isBefore(a: Version, b: Version): boolean {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
