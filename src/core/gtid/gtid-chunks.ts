import type { GtidRange } from './parse-gtid-set.ts';
import { GtidSet } from './gtid-set.ts';
import { formatGtid } from './gtid.ts';

/** The same GTIDs in sets of at most `size`, in order, however long the runs of numbers are. */
export function* gtidChunks(set: GtidSet, size: number): Generator<GtidSet, void> {
  let ranges: GtidRange[] = [];
  let room = BigInt(size);
  for (const { uuid, tag, intervals } of set.sources()) {
    const source = tag === '' ? uuid : `${uuid}:${tag}`;
    for (const interval of intervals) {
      for (let { start } = interval; start <= interval.end;) {
        const end = min(interval.end, start + room - 1n);
        ranges.push({ source, start, end });
        room -= end - start + 1n;
        start = end + 1n;
        if (room > 0n) continue;
        yield GtidSet.fromRanges(ranges);
        ranges = [];
        room = BigInt(size);
      }
    }
  }
  if (ranges.length > 0) yield GtidSet.fromRanges(ranges);
}

/** Each GTID on its own, as `SET gtid_next` takes it. */
export function* eachGtid(set: GtidSet): Generator<string, void> {
  for (const { uuid, tag, intervals } of set.sources()) {
    for (const { start, end } of intervals) {
      for (let number = start; number <= end; number += 1n) yield formatGtid({ uuid, tag, number });
    }
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
