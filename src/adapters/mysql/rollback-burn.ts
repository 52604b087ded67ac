import { eachGtid, gtidChunks } from '../../core/gtid/gtid-chunks.ts';
import type { GtidSet } from '../../core/gtid/gtid-set.ts';
import type { Endpoint } from '../../core/model/endpoint.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { Deadline } from '../system/deadline.ts';
import { readSet } from './rollback-compare.ts';
import { Session, type Login } from './session.ts';

/** Together they wait for the disk, and for semi-sync, fewer times. */
const sessions = 8;
const leastEach = 25;

/** What is executed already is left alone; a name that somebody else is just burning is waited for. */
export async function burnNames(
  server: Endpoint,
  login: Login,
  gtids: GtidSet,
  options: CallOptions,
): Promise<number> {
  const open = () => Session.open(server, login, new Deadline(options));
  const first = await open();
  try {
    const wanted = gtids.subtract(await readSet(first, options));
    const count = Number(wanted.count());
    const each = Math.max(leastEach, Math.ceil(count / sessions));
    const parts = [...gtidChunks(wanted, each)];
    // All are waited for: none may go on once this has thrown.
    const results = await Promise.allSettled(
      parts.map(async (part, index) => {
        const session = index === 0 ? first : await open();
        try {
          await burnEach(session, part, options);
        } finally {
          if (index > 0) await session.quit();
        }
      }),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return count;
  } finally {
    await first.quit();
  }
}

async function burnEach(session: Session, gtids: GtidSet, options: CallOptions): Promise<void> {
  for (const gtid of eachGtid(gtids)) {
    options.signal?.throwIfAborted();
    await session.query(
      'SET SESSION gtid_next = ?',
      [gtid],
      new Deadline(options),
      `SET gtid_next = ${gtid}`,
    );
    await session.query('BEGIN', [], new Deadline(options));
    await session.query('COMMIT', [], new Deadline(options));
  }
}
