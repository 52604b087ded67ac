import { execFile } from 'node:child_process';
import { readdir, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { PROGRAM, PROJECT } from '../../src/sandbox/project.ts';

const run = promisify(execFile);

// The compiler leaves files alone whose content stays the same, so their age says nothing.
const STAMP = path.join(PROJECT, 'dist/.built-for-tests');

/** Makes sure that the program which sandboxes run is built from the sources as they are: compiles when one is newer. */
export async function ensureBuilt(): Promise<void> {
  if ((await newest(path.join(PROJECT, 'src'))) < (await changedAt(STAMP))) return;
  const began = new Date();
  const compiler = path.join(PROJECT, 'node_modules/typescript/bin/tsc');
  try {
    await run(process.execPath, [compiler, '-p', path.join(PROJECT, 'tsconfig.build.json')]);
  } catch (error) {
    // It writes what it can in spite of type errors, which the check phase reports.
    if ((await changedAt(PROGRAM)) === 0) throw error;
  }
  await writeFile(STAMP, '');
  await utimes(STAMP, began, began);
}

async function newest(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  return Math.max(...(await Promise.all(files.map(changedAt))));
}

async function changedAt(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch {
    // Not there.
    return 0;
  }
}
