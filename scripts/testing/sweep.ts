import { sweepScratch } from '../../src/sandbox/sweep.ts';
import { killOrphans } from './leftovers.ts';

/**
 * Removes what killed runs left on this machine: only what says by itself that a process which has ended was its owner. Returns a
 * sentence about it; undefined when there was nothing.
 */
export async function sweepLeftovers(): Promise<string | undefined> {
  // The watchdogs of a killed run are among them: what they had not done yet comes next.
  const orphans = await killOrphans();
  const { processes, directories, left } = await sweepScratch();
  if (orphans + processes + directories + left.length === 0) return undefined;
  const told = `killed runs had left ${orphans + processes} processes and ${directories} directories: removed`;
  return [told, ...left.map((why) => `cannot be removed: ${why}`)].join('\n');
}
