import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The parts of `npm run check`, cheapest news first; each counts as one test. */
export const checks = ['typecheck', 'lint', 'format:check', 'unused'] as const;

/** A phase's folder under test/, and how many of its files may run at a time. */
export interface Phase {
  readonly name: string;
  readonly concurrency: number;
}

/** Files of the last two start many servers and measure times, so they run alone. */
export const phases: readonly Phase[] = [
  { name: 'unit', concurrency: 2 },
  { name: 'scenario', concurrency: 2 },
  { name: 'contract', concurrency: 2 },
  { name: 'integration', concurrency: 1 },
  { name: 'fault', concurrency: 1 },
];

/**
 * The test files below `root`/`phase`, sorted; helpers are those without `.test.ts`. The usual run has no time for those in the phase's `full` folder,
 * which `make test-all` runs, too.
 */
export function filesOf(root: string, phase: string): string[] {
  const isFull = process.env['DCMHA_TESTS'] === 'all';
  return testFiles(join(root, phase)).filter(
    (file) => isFull || !file.startsWith(join(root, phase, 'full/')),
  );
}

/** Test files that no phase would run. */
export function strayFiles(root: string): string[] {
  const known = phases.map(({ name }) => `${join(root, name)}/`);
  return testFiles(root).filter((file) => !known.some((prefix) => file.startsWith(prefix)));
}

function testFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}
