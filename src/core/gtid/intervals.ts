/** A run of transaction numbers, both ends included. */
export interface Interval {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Sorted, without overlap, and without neighbours that touch: `1-3` and `4-5` are one interval.
 * Each function below takes and returns lists in this form, except `normalizeIntervals`, which makes it.
 */
export type IntervalList = readonly Interval[];

export function normalizeIntervals(intervals: Iterable<Interval>): IntervalList {
  const sorted = [...intervals].filter(({ start, end }) => start <= end);
  if (!isSorted(sorted)) sorted.sort((a, b) => compare(a.start, b.start));
  const merged: Interval[] = [];
  for (const interval of sorted) pushMerged(merged, interval);
  return merged;
}

export function uniteIntervals(a: IntervalList, b: IntervalList): IntervalList {
  const merged: Interval[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && (right === undefined || left.start <= right.start)) {
      pushMerged(merged, left);
      i++;
    } else if (right !== undefined) {
      pushMerged(merged, right);
      j++;
    } else {
      return merged;
    }
  }
}

export function subtractIntervals(from: IntervalList, what: IntervalList): IntervalList {
  const rest: Interval[] = [];
  let j = 0;
  for (const { start, end } of from) {
    let next = start;
    for (;;) {
      const hole = what[j];
      if (hole === undefined || hole.start > end) break;
      if (hole.start > next) rest.push({ start: next, end: hole.start - 1n });
      if (hole.end >= next) next = hole.end + 1n;
      // A hole that reaches past this interval may cut the next one as well.
      if (hole.end > end) break;
      j++;
    }
    if (next <= end) rest.push({ start: next, end });
  }
  return rest;
}

export function intersectIntervals(a: IntervalList, b: IntervalList): IntervalList {
  const common: Interval[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined || right === undefined) return common;
    const start = left.start > right.start ? left.start : right.start;
    const end = left.end < right.end ? left.end : right.end;
    if (start <= end) common.push({ start, end });
    if (left.end < right.end) i++;
    else j++;
  }
}

export function hasNumber(list: IntervalList, number: bigint): boolean {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const interval = list[middle];
    if (interval === undefined || number <= interval.end) high = middle;
    else low = middle + 1;
  }
  const found = list[low];
  return found !== undefined && found.start <= number;
}

export function countIntervals(list: IntervalList): bigint {
  return list.reduce((sum, { start, end }) => sum + end - start + 1n, 0n);
}

function pushMerged(merged: Interval[], interval: Interval): void {
  const last = merged.at(-1);
  if (last === undefined || interval.start > last.end + 1n) merged.push(interval);
  else if (interval.end > last.end) merged[merged.length - 1] = { start: last.start, end: interval.end };
}

function isSorted(list: readonly Interval[]): boolean {
  return list.every((interval, i) => i === 0 || (list[i - 1]?.start ?? 0n) <= interval.start);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
