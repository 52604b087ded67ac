import { hasCode } from '../../core/model/errors.ts';
import { formatEndpoint, type Endpoint } from '../../core/model/endpoint.ts';
import type { RuntimeServer } from '../../core/haproxy/runtime-answers.ts';
import type { Clock } from '../../ports/system.ts';
import type { Runtime } from './runtime.ts';

export type WriteSwitch =
  /** The write side says what it should. `changed`: sessions were cut for it. */
  | { readonly kind: 'done'; readonly changed: boolean }
  /** Sessions of the old server are left; the write side is closed. */
  | { readonly kind: 'sessions-left'; readonly oldSessions: number }
  /** The runtime socket cannot do it (a host name, say); the write side is closed and without sessions. */
  | { readonly kind: 'needs-reload'; readonly why: string };

export interface SwitchOptions {
  readonly clock: Clock;
  /** Monotonic, ms. */
  readonly deadline: number;
  /** The servers of the write side, as the caller has just read them. */
  readonly servers?: readonly RuntimeServer[] | undefined;
}

/**
 * Points the write side at `target`, or closes it. The old server is closed, its sessions cut until none is left, and only then the
 * new one opened: they share a name, so that later nobody could tell their sessions apart.
 */
export async function switchWrite(
  runtime: Runtime,
  target: Endpoint | undefined,
  options: SwitchOptions,
): Promise<WriteSwitch> {
  const [server, ...others] = options.servers ?? (await runtime.servers('write'));
  if (server === undefined || others.length > 0) {
    return { kind: 'needs-reload', why: 'the running haproxy has not one write server' };
  }
  const name = `write/${server.name}`;
  const address = target === undefined ? undefined : formatEndpoint(target);
  if (!server.maintenance && server.address === address) {
    // After a time without lease the check finds it up again by itself, but up to an interval later.
    if (!server.up) await runtime.order(`set server ${name} health up`);
    return { kind: 'done', changed: false };
  }
  const oldSessions = await closeServer(runtime, server.name, options);
  if (oldSessions > 0) return { kind: 'sessions-left', oldSessions };
  if (target === undefined) return { kind: 'done', changed: !server.maintenance };
  return openServer(runtime, name, target);
}

async function openServer(runtime: Runtime, name: string, target: Endpoint): Promise<WriteSwitch> {
  try {
    await runtime.order(`set server ${name} addr ${target.host} port ${target.port}`);
    // Should the address have been refused, this must not open the old one: hence two calls.
    await runtime.order(`set server ${name} state ready`, `set server ${name} health up`);
  } catch (error) {
    if (!hasCode(error, 'PROXY_REJECTED')) throw error;
    return { kind: 'needs-reload', why: error.message };
  }
  return { kind: 'done', changed: true };
}

const pollMs = 1;
const settledReadings = 2;

/**
 * Closes a server and cuts its sessions until two readings in a row find none: a connection that another thread was just handing to
 * the server appears after the first (seen on 3.0 with thousands of sessions). Returns how many were left at the deadline, where one reading of none proves
 * nothing and counts as one.
 */
async function closeServer(
  runtime: Runtime,
  server: string,
  { clock, deadline }: SwitchOptions,
): Promise<number> {
  const cut = [`set server write/${server} state maint`, `shutdown sessions server write/${server}`];
  let left = Infinity;
  let quiet = 0;
  for (;;) {
    left = await runtime.sessionsAfter(server, left > 0 ? cut : []);
    quiet = left === 0 ? quiet + 1 : 0;
    if (quiet >= settledReadings) return 0;
    if (clock.monotonic() >= deadline) return Math.max(left, 1);
    await clock.pause(pollMs);
  }
}
