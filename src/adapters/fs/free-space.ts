import { statfs } from 'node:fs/promises';

/** What an unprivileged process may still write to the file system of a directory. Throws what the system says. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
