import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { DcmhaError } from '../../core/model/errors.ts';
import type { StateFile } from '../../ports/system.ts';

/** One writer. Its directory is made when absent. */
export function createStateFile(file: string): StateFile {
  let last: Promise<void> = Promise.resolve();
  return {
    read: async () => {
      try {
        return await readFile(file, 'utf8');
      } catch (cause) {
        if (isMissing(cause)) return undefined;
        throw new DcmhaError('UNEXPECTED', `${file} cannot be read`, { details: { file }, cause });
      }
    },
    write: (text) => {
      // In the order asked for: two at once would share the temporary file.
      const next = last.then(() => replace(file, text));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

async function replace(file: string, text: string): Promise<void> {
  const directory = path.dirname(file);
  const temporary = `${file}.new`;
  try {
    await mkdir(directory, { recursive: true, mode: 0o750 });
    await writeThrough(temporary, text);
    await rename(temporary, file);
    // The new name is on the disk only when its directory is.
    await syncDirectory(directory);
  } catch (cause) {
    throw new DcmhaError(
      'UNEXPECTED',
      `${file} cannot be written: see its directory's owner and free space`,
      {
        details: { file },
        cause,
      },
    );
  }
}

async function writeThrough(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'w', 0o640);
  await handle.writeFile(text);
  await handle.sync();
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
