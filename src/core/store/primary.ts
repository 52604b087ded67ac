import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError, hasCode } from '../model/errors.ts';
import type { PrimaryRecord } from '../model/group.ts';
import { decodeText, malformed } from './codecs.ts';
import { createWithParents } from './put.ts';
import { znodes } from './znodes.ts';

const HOST_ID = /^[A-Za-z0-9%_-]{1,400}$/;

/** The recorded primary; its epoch is the znode's version. An empty node records none. */
export async function readPrimary(store: Coordination, group: string): Promise<PrimaryRecord | undefined> {
  const path = znodes.master(group);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  const id = decodeText(path, node.data).replace(/^(['"])(.*)\1$/, '$2');
  if (id === '') return undefined;
  if (!HOST_ID.test(id)) throw malformed(path, `${JSON.stringify(id.slice(0, 60))} is not a host's id`);
  return { id, epoch: node.version };
}

/**
 * Records the primary when the record's epoch still is `expectedEpoch` (undefined: when there is none yet), and returns the new
 * record. Repeating a call whose answer was lost returns the record it made. Throws `ZNODE_CONFLICT` when another record stands.
 */
export async function recordPrimary(
  store: Coordination,
  group: string,
  id: string,
  expectedEpoch: number | undefined,
): Promise<PrimaryRecord> {
  const path = znodes.master(group);
  try {
    if (expectedEpoch !== undefined) return { id, epoch: await store.write(path, id, expectedEpoch) };
    await createWithParents(store, path, id);
    return { id, epoch: 0 };
  } catch (error) {
    if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_EXISTS')) throw error;
    return resolveConflict(store, group, { id, epoch: expectedEpoch === undefined ? 0 : expectedEpoch + 1 });
  }
}

/** The conflict may be with our own write, whose answer was lost: then the record is just what we wanted. */
async function resolveConflict(
  store: Coordination,
  group: string,
  wanted: PrimaryRecord,
): Promise<PrimaryRecord> {
  const path = znodes.master(group);
  await store.sync(path);
  const node = await store.read(path);
  const found = node?.data.toString('utf8').trim();
  if (node !== undefined && found === '' && wanted.epoch === 0) {
    return { id: wanted.id, epoch: await store.write(path, wanted.id, node.version) };
  }
  if (node !== undefined && found === wanted.id && node.version === wanted.epoch) return wanted;
  throw new DcmhaError(
    'ZNODE_CONFLICT',
    `the primary of ${group} was recorded by someone else: ${found ?? 'none'}`,
    {
      details: { path, wantedEpoch: wanted.epoch, epoch: node?.version, primary: found },
    },
  );
}
