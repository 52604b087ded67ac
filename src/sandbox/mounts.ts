import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** Mount points below a directory, the deepest first. */
async function mountsBelow(dir: string): Promise<readonly string[]> {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  return mounts
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
    .filter((point) => point.startsWith(`${path.resolve(dir)}/`))
    .sort((a, b) => b.length - a.length);
}

/** Lets file systems below go on that were frozen: a process that waits for one cannot be killed. */
export async function thawMounts(dir: string): Promise<void> {
  for (const point of await mountsBelow(dir)) await execa('fsfreeze', ['-u', point], { reject: false });
}

/** Takes away whatever tests mounted below a directory that is to be removed. */
export async function unmountAll(dir: string): Promise<void> {
  for (const point of await mountsBelow(dir)) await execa('umount', ['-l', point], { reject: false });
}
