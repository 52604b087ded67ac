import { mkdtempSync } from 'node:fs';
import { lstat, readdir, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { hasEnded, ownTag, tagPattern } from './ownership.ts';

const PREFIX = 'dcmha-of-';
const named = new RegExp(`^${PREFIX}(?<owner>${tagPattern.source})-(?<rest>\\w+)$`);

/** A new directory in the temporary one, for its maker to remove; when the maker is killed first, the next sweep does. */
export function makeScratch(): string {
  return mkdtempSync(path.join(tmpdir(), `${PREFIX}${ownTag()}-`));
}

/** Directories of {@link makeScratch} below `root` whose makers have ended. Another user's are not even looked into. */
export async function abandonedScratch(root: string): Promise<readonly string[]> {
  const found = [];
  for (const name of await readdir(root)) {
    const owner = named.exec(name)?.groups?.['owner'];
    if (owner !== undefined && hasEnded(owner) && (await isOwnDirectory(path.join(root, name))))
      found.push(path.join(root, name));
  }
  return found;
}

// Anybody may make such a name in the temporary directory, a link included, and root would act on what is in there.
async function isOwnDirectory(file: string): Promise<boolean> {
  try {
    const stats = await lstat(file);
    return stats.isDirectory() && stats.uid === process.getuid?.();
  } catch {
    // It has just been removed.
    return false;
  }
}

/** Makes an abandoned directory ours, by its name; undefined when somebody else was faster. */
export async function takeOver(dir: string): Promise<string | undefined> {
  const rest = named.exec(path.basename(dir))?.groups?.['rest'] ?? '';
  const taken = path.join(path.dirname(dir), `${PREFIX}${ownTag()}-${rest}`);
  try {
    await rename(dir, taken);
    return taken;
  } catch {
    // Removed, or renamed by another sweep, between the look and now.
    return undefined;
  }
}
