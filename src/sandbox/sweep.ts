import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toDcmhaError } from '../core/model/errors.ts';
import { tearDown } from './down.ts';
import { thawMounts, unmountAll } from './mounts.ts';
import { killAll } from './processes.ts';
import { findMarked } from './process.ts';
import { abandonedScratch, takeOver } from './scratch.ts';
import { stateFile } from './state.ts';

export interface Swept {
  readonly processes: number;
  readonly directories: number;
  /** What could not be removed, and why; the next sweep tries again once this process has ended. */
  readonly left: readonly string[];
}

/**
 * Removes the scratch directories whose makers were killed, with all that lives in them: sandboxes with their processes and
 * networks, mounts, files. Never fails; several may run at a time.
 */
export async function sweepScratch(root = tmpdir()): Promise<Swept> {
  let processes = 0;
  let directories = 0;
  const left: string[] = [];
  for (const dir of await abandonedScratch(root)) {
    const taken = await takeOver(dir);
    if (taken === undefined) continue;
    try {
      processes += await removeWithAll(taken, dir);
      directories += 1;
    } catch (error) {
      left.push(`${taken}: ${toDcmhaError(error).message}`);
    }
  }
  return { processes, directories, left };
}

/** `former`: what its processes were told that the directory is called. */
async function removeWithAll(dir: string, former: string): Promise<number> {
  let killed = 0;
  // A sandbox lies in the directory itself, or is one of several right in it.
  const places = [dir, ...(await readdir(dir)).map((name) => path.join(dir, name))];
  for (const place of places.filter((one) => existsSync(stateFile(one)))) {
    killed += (await tearDown(place)).killed;
  }
  await thawMounts(dir);
  // Of a sandbox that has lost its state file.
  killed += await killAll(() =>
    findMarked((mark) => mark.endsWith(`@${former}`) || mark.includes(`@${former}/`)),
  );
  await unmountAll(dir);
  await rm(dir, { recursive: true, force: true });
  return killed;
}
