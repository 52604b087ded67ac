import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn } from './codecs.ts';
import { createWithParents } from './put.ts';
import { znodes } from './znodes.ts';

const evacuationRecord = z.object({
  by: z.string(),
  /** ms since 1970. */
  at: z.number(),
  /** Group -> who was its primary before. */
  groups: z.record(z.string(), z.string()),
});

/** What was moved out of a data centre, so that it can be brought back (`evacuated/DC`). */
export type Evacuation = z.infer<typeof evacuationRecord>;

export async function readEvacuation(store: Coordination, dc: string): Promise<Evacuation | undefined> {
  return (await readAt(store, dc))?.evacuation;
}

/** Notes that a group was moved away from `from`. Several may be noted at once. */
export function noteEvacuated(
  store: Coordination,
  dc: string,
  moved: { readonly group: string; readonly from: string; readonly by: string; readonly at: number },
): Promise<void> {
  return change(store, dc, moved, (groups) => ({ ...groups, [moved.group]: moved.from }));
}

/** Notes that a group is back, or that nobody wants it back. */
export function noteReturned(
  store: Coordination,
  dc: string,
  returned: { readonly group: string; readonly by: string; readonly at: number },
): Promise<void> {
  return change(store, dc, returned, (groups) =>
    Object.fromEntries(Object.entries(groups).filter(([group]) => group !== returned.group)),
  );
}

async function change(
  store: Coordination,
  dc: string,
  { by, at }: { readonly by: string; readonly at: number },
  edit: (groups: Evacuation['groups']) => Evacuation['groups'],
): Promise<void> {
  const path = znodes.evacuation(dc);
  for (;;) {
    const found = await readAt(store, dc);
    const groups = edit(found?.evacuation.groups ?? {});
    try {
      if (found === undefined) await createWithParents(store, path, encodeOwn({ by, at, groups }));
      else if (Object.keys(groups).length === 0) await store.remove(path, found.version);
      else await store.write(path, encodeOwn({ by, at, groups }), found.version);
      return;
    } catch (error) {
      if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_EXISTS', 'ZNODE_MISSING')) throw error;
    }
  }
}

async function readAt(
  store: Coordination,
  dc: string,
): Promise<{ readonly evacuation: Evacuation; readonly version: number } | undefined> {
  const path = znodes.evacuation(dc);
  const node = await store.read(path);
  return node && { evacuation: decodeRecord(evacuationRecord, path, node.data), version: node.version };
}
