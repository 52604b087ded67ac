import type { RowDataPacket } from 'mysql2/promise';
import { connectTo } from './connect.ts';
import type { GroupSpec, SandboxState } from './state.ts';

/** The member that takes writes now, as the servers say; undefined when none does. */
export async function findPrimary(state: SandboxState, group: GroupSpec): Promise<string | undefined> {
  const writable = await Promise.all(group.members.map((member) => isWritable(state.dir, member)));
  return group.members.find((_, index) => writable[index]);
}

async function isWritable(dir: string, at: string): Promise<boolean> {
  try {
    const connection = await connectTo({ dir, at, as: 'admin', connectTimeoutMs: 1000 });
    try {
      const [rows] = await connection.query<RowDataPacket[]>({
        sql: 'SELECT @@GLOBAL.super_read_only AS ro',
        timeout: 2000,
      });
      return Number(rows[0]?.['ro']) === 0;
    } finally {
      connection.destroy();
    }
  } catch {
    // Down, paused or full: it takes no writes from us.
    return false;
  }
}
