import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError, hasCode } from '../model/errors.ts';
import { decodeRecord, encodeOwn, malformed } from './codecs.ts';
import { appendHistory, type HistoryRecord } from './history.ts';
import { createIfAbsent, put } from './put.ts';
import { znodes } from './znodes.ts';

/** The number of the plan language that this program writes and understands. */
export const JOURNAL_PROGRAM = 1;

/**
 * A running plan as it is kept. The store looks at these keys only; what `inputs` and `entries` hold is the plan's own business.
 * `by` names the process that runs it: it must differ from process to process (see {@link takeOverJournal}).
 */
const journalSchema = z.looseObject({
  program: z.literal(JOURNAL_PROGRAM),
  id: z.string().min(1),
  kind: z.string().min(1),
  group: z.string().min(1),
  by: z.string().min(1),
  entries: z.array(z.unknown()),
});
export type Journal = z.infer<typeof journalSchema>;

export type JournalState =
  | { readonly kind: 'running'; readonly journal: Journal; readonly version: number }
  /** Written by a program whose plans this one does not know: left alone, never overwritten. */
  | { readonly kind: 'unknown-program'; readonly program: number; readonly version: number };

const anyProgram = z.looseObject({ program: z.number().int() });

/** The plan that runs in a group; undefined when none does. Throws `ZNODE_MALFORMED`. */
export async function readJournal(store: Coordination, group: string): Promise<JournalState | undefined> {
  const path = znodes.journal(group);
  const node = await store.read(path);
  // An ended plan leaves an empty node: its version goes on, and its child `last` needs it.
  if (node === undefined || node.data.length === 0) return undefined;
  const { program } = decodeRecord(anyProgram, path, node.data);
  if (program !== JOURNAL_PROGRAM) return { kind: 'unknown-program', program, version: node.version };
  return { kind: 'running', journal: decodeJournal(path, group, node.data), version: node.version };
}

/**
 * Writes the first state of a plan and returns its version. Throws `ZNODE_CONFLICT` when a plan of the group runs already. Repeating
 * it after a lost answer is safe.
 */
export async function beginJournal(store: Coordination, journal: Journal): Promise<number> {
  const path = znodes.journal(journal.group);
  const data = encodeOwn(journal);
  // All but the first plan of a group find the node: a create that fails is a write of the ensemble, too.
  const found = await store.read(path);
  if (found === undefined && (await createIfAbsent(store, path, data))) return 0;
  const node = found ?? (await store.read(path));
  if (node?.data.length === 0) return saveAt(store, path, data, node.version);
  if (node?.data.toString('utf8') === data) return node.version;
  throw new DcmhaError('ZNODE_CONFLICT', `a plan of group ${journal.group} is running already`, {
    details: { path, group: journal.group },
  });
}

/**
 * Writes the next state of a plan over `expectedVersion` and returns the new version. Throws `LOCK_LOST` when another process has
 * taken the plan over. Repeating it after a lost answer is safe.
 */
export async function saveJournal(
  store: Coordination,
  journal: Journal,
  expectedVersion: number,
): Promise<number> {
  return saveAt(store, znodes.journal(journal.group), encodeOwn(journal), expectedVersion);
}

/** Makes the plan this process' own: from here on, every save of the former owner fails. Throws `LOCK_LOST` when someone was faster. */
export async function takeOverJournal(
  store: Coordination,
  { journal, version }: Extract<JournalState, { kind: 'running' }>,
  by: string,
): Promise<Extract<JournalState, { kind: 'running' }>> {
  const taken = { ...journal, by };
  return { kind: 'running', journal: taken, version: await saveJournal(store, taken, version) };
}

/** The last plan that ended; undefined when none did. */
export async function readLastJournal(store: Coordination, group: string): Promise<Journal | undefined> {
  const path = znodes.lastJournal(group);
  const node = await store.read(path);
  return node && decodeJournal(path, group, node.data);
}

/**
 * Ends a plan: keeps it as the last one, adds its record to the history (the record's id is the plan's), empties the journal.
 * Safe to repeat. Throws `LOCK_LOST` when another process has taken the plan over.
 */
export async function finishJournal(
  store: Coordination,
  journal: Journal,
  expectedVersion: number,
  record: HistoryRecord,
): Promise<void> {
  const { group } = journal;
  const node = await store.read(znodes.journal(group));
  if (node?.version !== expectedVersion) {
    if (node?.data.length === 0 && (await readLastJournal(store, group))?.id === journal.id) return;
    throw lostTo(znodes.journal(group), node?.version);
  }
  await put(store, znodes.lastJournal(group), encodeOwn(journal));
  await appendHistory(store, group, record);
  await saveAt(store, znodes.journal(group), '', expectedVersion);
}

async function saveAt(store: Coordination, path: string, data: string, version: number): Promise<number> {
  try {
    return await store.write(path, data, version);
  } catch (error) {
    if (!hasCode(error, 'ZNODE_CONFLICT', 'ZNODE_MISSING')) throw error;
    // Our own write, whose answer was lost, conflicts with its repetition.
    const node = await store.read(path);
    if (node?.version === version + 1 && node.data.toString('utf8') === data) return node.version;
    throw lostTo(path, node?.version, error);
  }
}

function lostTo(path: string, version: number | undefined, cause?: unknown): DcmhaError {
  return new DcmhaError('LOCK_LOST', `${path} was taken over by another process`, {
    details: { path, version },
    cause,
  });
}

function decodeJournal(path: string, group: string, data: Buffer): Journal {
  const journal = decodeRecord(journalSchema, path, data);
  if (journal.group !== group) throw malformed(path, `it is of group ${journal.group}`);
  return journal;
}
