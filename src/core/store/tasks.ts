import { z } from 'zod';
import type { Coordination } from '../../ports/coordination.ts';
import { DcmhaError, hasCode } from '../model/errors.ts';
import { decodeRecord, encodeShared } from './codecs.ts';
import { createIfAbsent, createWithParents } from './put.ts';
import { switchoverTermsSchema, usualTerms } from '../plan/switchover-terms.ts';
import { znodes } from './znodes.ts';

export type TaskState = 'queued' | 'running' | 'blocked' | 'done' | 'failed';

/** Python has no true: the first program's True and our 1 are the same. */
const flag = z.union([z.boolean(), z.number()]).transform(Boolean);

const common = {
  group: z.string().min(1),
  by: z.string().default(''),
  /** ms since 1970. */
  at: z.number().default(0),
  state: z.enum(['queued', 'running', 'blocked', 'done', 'failed']).default('queued'),
  message: z.string().optional(),
};

const taskSchema = z.discriminatedUnion('kind', [
  /** Bootstrap of a group; `host` is the operator's choice of the primary. */
  z.object({ kind: z.literal('add'), ...common, host: z.string().optional() }),
  /** After manual work: `host` is the primary now; with `reroute` its route is published, too; `force`: whatever is found. */
  z.object({
    kind: z.literal('white'),
    ...common,
    host: z.string(),
    reroute: flag.default(false),
    force: flag.default(false),
  }),
  /** The primary is in doubt: look at once. */
  z.object({ kind: z.literal('down'), ...common, host: z.string().optional() }),
  /** What only the returned `host` holds is carried over or taken back. */
  z.object({ kind: z.literal('append'), ...common, host: z.string() }),
  /** Another primary now, whatever became of the present one; `host` is the operator's choice. */
  z.object({ kind: z.literal('failover'), ...common, host: z.string().optional() }),
  /** Planned change of a healthy primary: `host` is the operator's choice, or any that is not in the data centre `awayFrom`. */
  z.object({
    kind: z.literal('switchover'),
    ...common,
    host: z.string().optional(),
    awayFrom: z.string().optional(),
    terms: switchoverTermsSchema.default(usualTerms),
  }),
]);
export type Task = z.infer<typeof taskSchema>;

/** What someone who wants work done says; the state begins as `queued`. Omit must keep the union's parts apart. */
export type NewTask = Task extends infer T ? (T extends Task ? Omit<T, 'state' | 'message'> : never) : never;

/** A task as it lies in ZooKeeper; a malformed one stops nobody from doing the others. */
export type TaskEntry =
  | { readonly kind: 'task'; readonly name: string; readonly version: number; readonly task: Task }
  | { readonly kind: 'malformed'; readonly name: string; readonly error: DcmhaError };

/** Finished tasks are kept for `task list`, but not for ever. */
const KEPT_FINISHED = 50;

/** Queues a task and returns its name. A `down` task is named by its group: a second one joins the first. */
export async function submitTask(store: Coordination, task: NewTask): Promise<string> {
  const data = encodeTask({ ...task, state: 'queued' });
  if (task.kind === 'down') {
    await createIfAbsent(store, znodes.task(task.group), data);
    return task.group;
  }
  const path = await createWithParents(store, znodes.newTask, data, 'sequential');
  return path.slice(path.lastIndexOf('/') + 1);
}

/** All tasks, `down` ones first, then in the order they were submitted. */
export async function listTasks(store: Coordination): Promise<readonly TaskEntry[]> {
  const names = await store.children(znodes.tasks);
  const numbered = (name: string): number => (/^task\d+$/.test(name) ? 1 : 0);
  const ordered = [...names].sort((a, b) => numbered(a) - numbered(b) || (a < b ? -1 : 1));
  const entries = await Promise.all(ordered.map((name) => readTask(store, name)));
  return entries.filter((entry) => entry !== undefined);
}

/** undefined when there is no such task. */
export async function readTask(store: Coordination, name: string): Promise<TaskEntry | undefined> {
  const path = znodes.task(name);
  const node = await store.read(path);
  if (node === undefined) return undefined;
  // The first program's `down` tasks are empty nodes named by the group.
  const data =
    node.data.length === 0 ? Buffer.from(JSON.stringify({ kind: 'down', group: name })) : node.data;
  try {
    return { kind: 'task', name, version: node.version, task: decodeRecord(taskSchema, path, data) };
  } catch (error) {
    if (!hasCode(error, 'ZNODE_MALFORMED')) throw error;
    return { kind: 'malformed', name, error };
  }
}

/** Writes a task's new state when nobody else changed it; returns the new version. Throws `ZNODE_CONFLICT`, `ZNODE_MISSING`. */
export async function updateTask(
  store: Coordination,
  entry: Extract<TaskEntry, { kind: 'task' }>,
  change: { readonly state: TaskState; readonly message?: string | undefined },
): Promise<Extract<TaskEntry, { kind: 'task' }>> {
  const task = { ...entry.task, ...change };
  const version = await store.write(znodes.task(entry.name), encodeTask(task), entry.version);
  return { ...entry, task, version };
}

/**
 * Ends a task: a numbered one keeps its outcome for the operator (the oldest outcomes are pruned), a `down` one disappears, so that
 * the next can come. Safe to repeat.
 */
export async function completeTask(
  store: Coordination,
  name: string,
  outcome: { readonly state: 'done' | 'failed'; readonly message?: string | undefined },
): Promise<void> {
  const entry = await readTask(store, name);
  if (entry === undefined) return;
  if (entry.kind === 'malformed' || entry.task.kind === 'down') {
    await store.remove(znodes.task(name));
    return;
  }
  await updateTask(store, entry, outcome);
  await pruneTasks(store);
}

/** Removes a task of any state; false when there was none. */
export async function removeTask(store: Coordination, name: string): Promise<boolean> {
  return store.remove(znodes.task(name));
}

async function pruneTasks(store: Coordination): Promise<void> {
  const finished = (await listTasks(store)).filter(
    (entry) => entry.kind === 'task' && (entry.task.state === 'done' || entry.task.state === 'failed'),
  );
  for (const { name } of finished.slice(0, -KEPT_FINISHED)) await store.remove(znodes.task(name));
}

function encodeTask(task: Task): string {
  return encodeShared(
    task.kind === 'white' ? { ...task, reroute: task.reroute ? 1 : 0, force: task.force ? 1 : 0 } : task,
  );
}
