import { createServer } from 'node:net';
import type { ChildProcess } from 'node:child_process';
import { stat, truncate } from 'node:fs/promises';
import { DcmhaError } from '../../core/model/errors.ts';
import { bindAddresses, type BindAddress } from '../../core/haproxy/listeners.ts';
import type { Clock } from '../../ports/system.ts';
import { complaint, notRunnable, readBytes } from './config-files.ts';
import { findProcess, isSameAlive, signal, type OsProcess } from './os-process.ts';
import type { Runtime } from './runtime.ts';
import { spawnDetached } from './spawn-detached.ts';

export interface StartOptions {
  readonly program: string;
  readonly configFile: string;
  readonly text: string;
  readonly logFile: string;
  readonly runtime: Runtime;
  readonly clock: Clock;
  /** The process whose listeners and place it takes; it goes on with the sessions it has. */
  readonly replaces?: OsProcess | undefined;
  /** Told once when the process ends, as long as this one lives. */
  readonly onExit: () => void;
}

const startTimeoutMs = 5000;
const pollMs = 5;

/**
 * Starts haproxy in the foreground (`-db`: a `daemon` line and its `pidfile` in the file have no effect then) and returns when its
 * runtime socket answers. Throws `PROXY_REJECTED` with its own words when it does not come up.
 */
export async function startHaproxy(options: StartOptions): Promise<OsProcess> {
  const { program, configFile, logFile, runtime, clock, replaces } = options;
  if (replaces === undefined) await requireFreePorts(options);
  const from = await logSize(logFile);
  const takeOver = replaces === undefined ? [] : ['-x', runtime.socket, '-sf', String(replaces.pid)];
  const child = spawnDetached(program, ['-db', '-f', configFile, ...takeOver], logFile);
  const end = ended(child);
  child.once('exit', options.onExit);
  child.unref();
  const deadline = clock.monotonic() + startTimeoutMs;
  for (;;) {
    const pid = await runtime.pid().catch(() => undefined);
    const found = pid === undefined || pid !== child.pid ? undefined : findProcess(pid);
    if (found !== undefined) return found;
    const failure = end();
    if (failure !== undefined || clock.monotonic() >= deadline) {
      child.kill('SIGKILL');
      if (failure instanceof Error) throw notRunnable(program, failure);
      const words = complaint(((await readBytes(logFile)) ?? '').slice(from));
      throw new DcmhaError('PROXY_REJECTED', `haproxy did not start with ${configFile}: ${words}`, {
        details: { file: configFile, log: logFile },
      });
    }
    await clock.pause(pollMs);
  }
}

/** undefined while it runs; the error when it could not be run at all. */
function ended(child: ChildProcess): () => Error | 'exited' | undefined {
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  return () => failure ?? (child.exitCode === null && child.signalCode === null ? undefined : 'exited');
}

const longestLogBytes = 1_000_000;

async function logSize(file: string): Promise<number> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (size <= longestLogBytes) return size;
  await truncate(file, 0);
  return 0;
}

// Every haproxy binds with SO_REUSEPORT: beside another one that serves the same port it would start without a word and get half
// of the connections, the other half going wherever that one sends them.
async function requireFreePorts({ text, clock, configFile }: StartOptions): Promise<void> {
  const deadline = clock.monotonic() + 1000;
  for (const address of bindAddresses(text)) {
    while (await isTaken(address)) {
      if (clock.monotonic() >= deadline) {
        throw new DcmhaError(
          'PROXY_REJECTED',
          `another process listens at ${address.host}:${address.port} of ${configFile}: end it (an haproxy started by hand or by the system?)`,
          { details: { file: configFile, port: address.port } },
        );
      }
      await clock.pause(20);
    }
  }
}

function isTaken({ host, port }: BindAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // All other errors (no such address, no right to it) are for haproxy to tell.
    server.once('error', (error) => resolve('code' in error && error.code === 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

const endTimeoutMs = 2000;

/** Ends a process: asked first when `gently`, killed when it is not gone in time. */
export async function endProcess(target: OsProcess, clock: Clock, gently: boolean): Promise<void> {
  let name: 'SIGTERM' | 'SIGKILL' = gently ? 'SIGTERM' : 'SIGKILL';
  let deadline = clock.monotonic() + endTimeoutMs;
  signal(target, name);
  while (isSameAlive(target)) {
    if (clock.monotonic() >= deadline) {
      if (name === 'SIGKILL') {
        throw new DcmhaError('TIMED_OUT', `haproxy ${target.pid} does not end`, {
          details: { pid: target.pid },
        });
      }
      name = 'SIGKILL';
      deadline += endTimeoutMs;
      signal(target, name);
    }
    await clock.pause(pollMs);
  }
}
