import os from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { Coordination } from '../ports/coordination.ts';
import type { Clock } from '../ports/system.ts';
import { hostId, parseEndpoint } from '../core/model/endpoint.ts';
import { DcmhaError } from '../core/model/errors.ts';
import { readMemberIds } from '../core/store/inventory.ts';
import { readTask, submitTask, type NewTask, type Task } from '../core/store/tasks.ts';
import { znodes } from '../core/store/znodes.ts';

/** Who gives an order, for the record. */
export function operatorName(): string {
  return `${os.userInfo().username}@${os.hostname()}`;
}

/** The id of a member given as host, `host:port` or id. Throws `NOT_FOUND` naming the members. */
export async function memberId(store: Coordination, group: string, text: string): Promise<string> {
  const ids = await readMemberIds(store, group);
  const id = ids.find((one) => one === text || one === idOf(text));
  if (id !== undefined) return id;
  throw new DcmhaError('NOT_FOUND', `${text} is no member of group ${group} (members: ${ids.join(', ')})`, {
    details: { group, host: text },
  });
}

/** The id of a host given as host or `host:port`; an id of an IPv4 address is one already. */
export function idOf(text: string): string {
  if (/^\d+(?:-\d+){3}$/.test(text)) return text;
  return hostId(/:\d+$/.test(text) ? parseEndpoint(text, '--host').host : text);
}

/** Asks before something risky, unless `--yes`. Without a terminal there is nobody to ask: then `--yes` is needed. */
export async function confirm(yes: boolean, question: string): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) throw new DcmhaError('USAGE', `${question} Say --yes to do it.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} Type yes: `);
  terminal.close();
  if (answer.trim() !== 'yes') throw new DcmhaError('USAGE', 'not confirmed, nothing was done');
}

const pollMs = 100;

/**
 * Gives a task to the coordinators and waits until one has done it. Throws what made it fail, `NOT_FOUND` for a group that is not there;
 * `TIMED_OUT` leaves it queued.
 */
export async function orderTask(
  store: Coordination,
  task: NewTask,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<Task> {
  // Nobody looks after such a group: the task would wait for one of that name to be made.
  await readMemberIds(store, task.group);
  if ((await store.children(znodes.coordinators)).length === 0) {
    throw new DcmhaError('PEER_UNREACHABLE', 'no coordinator is running: start dcmha serve');
  }
  const name = await submitTask(store, task);
  // The first program's word for it tells an operator nothing.
  const what = `${task.kind === 'white' ? 'task' : task.kind} of ${task.group}`;
  const deadline = clock.monotonic() + timeoutMs;
  for (;;) {
    const entry = await readTask(store, name);
    if (entry?.kind === 'task' && entry.task.state === 'done') return entry.task;
    if (entry?.kind === 'task' && entry.task.state === 'failed') {
      throw new DcmhaError('PEER_REFUSED', `${what}: ${entry.task.message ?? 'failed'}`, {
        details: { task: name },
      });
    }
    if (clock.monotonic() > deadline) {
      const remedy = `it is task ${name}: dcmha task show ${name}`;
      throw new DcmhaError('TIMED_OUT', `${what} has not ended after ${timeoutMs} ms; ${remedy}`);
    }
    await clock.pause(pollMs);
  }
}
