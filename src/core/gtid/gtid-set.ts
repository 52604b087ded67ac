import type { Gtid } from './gtid.ts';
import {
  countIntervals,
  hasNumber,
  intersectIntervals,
  normalizeIntervals,
  subtractIntervals,
  uniteIntervals,
  type Interval,
  type IntervalList,
} from './intervals.ts';
import { scanGtidSet, type GtidRange } from './parse-gtid-set.ts';

/** The numbers of one source in a set. `tag` is '' for plain GTIDs. */
export interface GtidSource {
  readonly uuid: string;
  readonly tag: string;
  readonly intervals: IntervalList;
}

/**
 * An immutable set of GTIDs, tagged ones too; its arithmetic is that of the server's `GTID_SUBTRACT` and `GTID_SUBSET`.
 * A source without numbers is never kept, so equal sets print equal.
 */
export class GtidSet {
  /** `uuid` or `uuid:tag` to a list that is never empty, in the order the server prints: UUID, then no tag, then tags. */
  readonly #sources: ReadonlyMap<string, IntervalList>;
  #compact: string | undefined;

  private constructor(sources: ReadonlyMap<string, IntervalList>) {
    this.#sources = sources;
  }

  static fromRanges(ranges: Iterable<GtidRange>): GtidSet {
    const grouped = new Map<string, Interval[]>();
    for (const { source, start, end } of ranges) {
      const list = grouped.get(source);
      if (list === undefined) grouped.set(source, [{ start, end }]);
      else list.push({ start, end });
    }
    return GtidSet.#sorted([...grouped].map(([source, list]) => [source, normalizeIntervals(list)] as const));
  }

  static fromGtids(gtids: Iterable<Gtid>): GtidSet {
    const ranges: GtidRange[] = [];
    for (const gtid of gtids) ranges.push({ source: sourceOf(gtid), start: gtid.number, end: gtid.number });
    return GtidSet.fromRanges(ranges);
  }

  static #sorted(entries: readonly (readonly [string, IntervalList])[]): GtidSet {
    const kept = entries.filter(([, list]) => list.length > 0);
    return new GtidSet(new Map(kept.sort(([a], [b]) => (a < b ? -1 : 1))));
  }

  isEmpty(): boolean {
    return this.#sources.size === 0;
  }

  /** How many transactions. */
  count(): bigint {
    return [...this.#sources.values()].reduce((sum, list) => sum + countIntervals(list), 0n);
  }

  union(other: GtidSet): GtidSet {
    if (other === this || other.isEmpty()) return this;
    const merged = new Map(this.#sources);
    for (const [source, list] of other.#sources) {
      const mine = merged.get(source);
      merged.set(source, mine === undefined ? list : uniteIntervals(mine, list));
    }
    // No source is new: then they are in order already.
    return merged.size === this.#sources.size ? new GtidSet(merged) : GtidSet.#sorted([...merged]);
  }

  subtract(other: GtidSet): GtidSet {
    if (other.isEmpty()) return this;
    return this.#combine((source, list) => subtractIntervals(list, other.#sources.get(source) ?? []));
  }

  intersect(other: GtidSet): GtidSet {
    return this.#combine((source, list) => intersectIntervals(list, other.#sources.get(source) ?? []));
  }

  /** Whether every GTID of `other` is in this set. */
  contains(other: GtidSet): boolean {
    return other.subtract(this).isEmpty();
  }

  overlaps(other: GtidSet): boolean {
    return !this.intersect(other).isEmpty();
  }

  equals(other: GtidSet): boolean {
    return this.toCompactString() === other.toCompactString();
  }

  has(gtid: Gtid): boolean {
    return hasNumber(this.#sources.get(sourceOf(gtid)) ?? [], gtid.number);
  }

  /** For a few; many at once go through `fromGtids` and `union`. */
  add(gtid: Gtid): GtidSet {
    if (this.has(gtid)) return this;
    const { number } = gtid;
    return this.union(new GtidSet(new Map([[sourceOf(gtid), [{ start: number, end: number }]]])));
  }

  /** The part whose source is this server, all tags included: `GTID_SUBTRACT(s, 'uuid:1-max')` would only see the untagged. */
  ofUuid(uuid: string): GtidSet {
    const lower = uuid.toLowerCase();
    return this.#combine((source, list) => (source.startsWith(lower) ? list : []));
  }

  *sources(): Generator<GtidSource> {
    for (const [source, intervals] of this.#sources) {
      yield { uuid: source.slice(0, 36), tag: source.slice(37), intervals };
    }
  }

  /** As the server prints it: items separated by a comma and a line feed, tags of a UUID in one item. */
  toString(): string {
    return this.#format(',\n');
  }

  /** On one line, for logs, znodes and arguments; the server reads it, too. */
  toCompactString(): string {
    this.#compact ??= this.#format(',');
    return this.#compact;
  }

  toJSON(): string {
    return this.toCompactString();
  }

  #combine(change: (source: string, list: IntervalList) => IntervalList): GtidSet {
    const entries = [...this.#sources].map(([source, list]) => [source, change(source, list)] as const);
    return new GtidSet(new Map(entries.filter(([, list]) => list.length > 0)));
  }

  #format(separator: string): string {
    const items: string[] = [];
    let previousUuid = '';
    for (const { uuid, tag, intervals } of this.sources()) {
      const numbers = `${tag === '' ? '' : `:${tag}`}${intervals.map(formatInterval).join('')}`;
      items.push(uuid === previousUuid ? `${items.pop() ?? ''}${numbers}` : `${uuid}${numbers}`);
      previousUuid = uuid;
    }
    return items.join(separator);
  }
}

export const EMPTY_GTID_SET = GtidSet.fromRanges([]);

/** Reads what the server prints or accepts as a GTID set. Throws GTID_MALFORMED with the offset. */
export function parseGtidSet(text: string): GtidSet {
  return GtidSet.fromRanges(scanGtidSet(text));
}

function formatInterval({ start, end }: Interval): string {
  return start === end ? `:${start.toString()}` : `:${start.toString()}-${end.toString()}`;
}

function sourceOf(gtid: Gtid): string {
  return gtid.tag === '' ? gtid.uuid : `${gtid.uuid}:${gtid.tag}`;
}
