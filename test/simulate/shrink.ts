import type { Fault } from './faults.ts';
import { runSeed, type RunOptions, type RunResult } from './run-seed.ts';

/** The fewest of a failing seed's faults that still break a promise, by leaving out one after the other; and what they lead to. */
export async function shrink(
  failed: RunResult,
  options: Omit<RunOptions, 'seed' | 'faults' | 'trace'>,
): Promise<RunResult> {
  let best = failed;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const fault of best.faults) {
      const fewer = best.faults.filter((other) => other !== fault);
      const tried = await runSeed({ ...options, seed: failed.seed, faults: fewer });
      if (tried.violation === undefined) continue;
      best = tried;
      isSmaller = true;
      break;
    }
  }
  return best;
}

/** Places of faults in a seed's own list, as `--faults` takes them. */
export function placesOf(faults: readonly Fault[], drawn: readonly Fault[]): number[] {
  const texts = drawn.map((fault) => JSON.stringify(fault));
  return faults.map((fault) => texts.indexOf(JSON.stringify(fault)));
}

/** What a run does, line by line. The same in each run. */
export async function traceOf(options: Omit<RunOptions, 'trace'>): Promise<string[]> {
  const lines: string[] = [];
  await runSeed({ ...options, trace: (line) => lines.push(line) });
  return lines;
}
