import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { BinlogPlace } from '../../core/model/agent-memory.ts';
import { DcmhaError } from '../../core/model/errors.ts';

/**
 * Makes a binlog file no longer than `sizeBytes`, on the disk when it resolves; a shorter one stays as it is. `name`: as `BinlogFiles` lists
 * it, beside the index. For a server that is down, whose file is saved. Throws UNEXPECTED for what the system refuses.
 */
export async function cutBinlog({ indexFile }: BinlogPlace, name: string, sizeBytes: number): Promise<void> {
  const file = path.join(path.dirname(path.resolve(indexFile)), path.basename(name));
  try {
    // A symbolic link could lead anywhere.
    await using handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW);
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > sizeBytes) await handle.truncate(sizeBytes);
    await handle.sync();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DcmhaError('UNEXPECTED', `cannot cut ${file}: ${reason}`, { details: { file }, cause });
  }
}
