import { parseGtidSet, type GtidSet } from '../gtid/gtid-set.ts';
import type { TrailEntry } from './group.ts';

/** What a primary had executed. */
export interface Sample {
  /** The last time that it was just that, ms since 1970. */
  readonly at: number;
  readonly executed: GtidSet;
}

/** Ages in seconds; between two of them one sample is kept. */
const ages = [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 120, 300, 900, 3600];

/**
 * The samples with one more, newest first. Of those whose age is between the same two limits, the oldest stays: so each grows old, and the
 * younger the finer. An idle primary has just one, of now.
 */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const others = samples[0]?.executed.equals(sample.executed) === true ? samples.slice(1) : samples;
  const all = [sample, ...others];
  const slots = all.map(({ at }) => ages.findLastIndex((age) => sample.at - at >= age * 1000));
  const last = ages.length - 1;
  return all.filter((_, n) => slots[n] !== last && slots[n] !== slots[n + 1]);
}

/** What is written of them: each as what came after it; [] while nothing did. */
export function trailOf(samples: readonly Sample[], executed: GtidSet): readonly TrailEntry[] {
  return samples
    .map((sample) => ({ at: sample.at, since: executed.subtract(sample.executed).toCompactString() }))
    .filter(({ since }) => since !== '');
}

/**
 * How long before the end the oldest of `missing` was committed, at most, in ms; undefined: longer ago than the trail tells. What is not
 * in the watermark came after it. `endedAt`: when the primary ended, if somebody saw it; all times are of the primary's host.
 */
export function lossSpan(
  missing: GtidSet,
  watermark: { readonly executed: GtidSet; readonly at: number; readonly trail: readonly TrailEntry[] },
  endedAt: number | undefined,
): number | undefined {
  if (missing.isEmpty()) return 0;
  const end = Math.max(watermark.at, endedAt ?? 0);
  const before = missing.intersect(watermark.executed);
  if (before.isEmpty()) return end - watermark.at;
  const start = watermark.trail.find(({ since }) => parseGtidSet(since).contains(before));
  return start === undefined ? undefined : end - start.at;
}
