import { setTimeout as pause } from 'node:timers/promises';
import { parseEndpoint } from '../core/model/endpoint.ts';
import { DcmhaError } from '../core/model/errors.ts';
import { readSecret } from './connect.ts';
import { killProcesses } from './control.ts';
import { cutNetwork } from './cut.ts';
import { spawnWriter, type WriterHandle } from './spawn-writer.ts';
import type { SandboxState } from './state.ts';
import type { WriterProgress, WriterReport } from './writer.ts';

export interface OutageOptions {
  /** How long the writer writes before the kill, and again after it writes once more. */
  readonly writeMs: number;
  readonly everyMs: number;
  /** What happens to the primary: its mysqld gets SIGKILL unless told; `network`: its host is cut off, in an isolated sandbox. */
  readonly what?: 'mysqld' | 'host' | 'network' | undefined;
  readonly signal?: 'KILL' | 'STOP' | undefined;
  /** Told ten times a second. */
  readonly onProgress?: ((progress: WriterProgress) => void) | undefined;
  readonly onKill?: ((primary: string) => void) | undefined;
}

export interface Under {
  readonly state: SandboxState;
  /** The write listener, `host:port`. */
  readonly at: string;
  readonly primary: string;
}

interface Killed {
  /** ms since 1970. */
  readonly killedAt: number;
  readonly report: WriterReport;
}

// A hang is told from a crash by time: longer than any deadline for it, the peers' included.
const TIMEOUT_MS = 60_000;

/** Does it to the primary under a writer that retries; `recorded` is waited for before the writer is stopped. */
export async function underWriter<T>(
  { state, at, primary }: Under,
  options: OutageOptions,
  recorded: (killedAt: number) => Promise<T>,
): Promise<Killed & { readonly record: T }> {
  const password = await readSecret(state.dir, 'app');
  await using writer = spawnWriter({ at, user: 'app', password, everyMs: options.everyMs });
  const killedAt = await killUnderLoad(state, { writer, primary, options });
  const record = await recorded(killedAt);
  return { killedAt, record, report: await writer.stop() };
}

async function killUnderLoad(
  state: SandboxState,
  { writer, primary, options }: { writer: WriterHandle; primary: string; options: OutageOptions },
): Promise<number> {
  const { writeMs, onProgress } = options;
  await until(() => writer.progress().acknowledged > 0, 'the writer has no row acknowledged');
  for (let elapsed = 0; elapsed < writeMs; elapsed += 100) {
    onProgress?.(writer.progress());
    await pause(100);
  }
  const host = parseEndpoint(primary).host;
  const before = writer.progress().acknowledged;
  const killedAt = performance.timeOrigin + performance.now();
  const { what = 'mysqld', signal } = options;
  if (what === 'network') await cutNetwork(state, { host, direction: 'both', lossPercent: 100 });
  else await killProcesses(state, { what, host }, signal);
  options.onKill?.(primary);
  // What is in flight at the kill may still be told; rows well beyond it come from the new primary.
  await until(() => {
    onProgress?.(writer.progress());
    return writer.progress().acknowledged > before + 20;
  }, 'no row was acknowledged after the failover');
  for (let elapsed = 0; elapsed < writeMs; elapsed += 100) {
    onProgress?.(writer.progress());
    await pause(100);
  }
  return killedAt;
}

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new DcmhaError('TIMED_OUT', `${otherwise} within ${TIMEOUT_MS} ms`);
    await pause(100);
  }
}
