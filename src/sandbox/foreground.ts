import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { tearDown } from './down.ts';
import type { SandboxOptions } from './layout.ts';
import { type SandboxState, stateFile } from './state.ts';
import { bringUpGuarded, claimDirectory } from './up.ts';
import { startWatchdog } from './watch-parent.ts';

const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A sandbox that lives as long as this process: torn down at a signal, when `whenUp` or the start fails, and by a watchdog when
 * the process is killed. Returns after the tear-down.
 */
export async function runInForeground(
  options: SandboxOptions,
  whenUp: (state: SandboxState) => Promise<void>,
): Promise<void> {
  // Before anything is ours to tear down.
  await claimDirectory(options);
  const ending = new AbortController();
  const end = () => ending.abort();
  for (const signal of ENDINGS) process.on(signal, end);
  const callOff = startWatchdog(options.dir, { keep: false });
  const starting = bringUpGuarded(options);
  try {
    const state = await Promise.race([starting, untilAborted(ending.signal)]);
    if (state !== undefined) await whenUp(state);
    await untilEnded(path.resolve(options.dir), ending.signal);
  } finally {
    // Ends what still waits for it.
    ending.abort();
    await tearDown(options.dir, { keep: true });
    // A start that was cut short fails now, and may have begun one more process meanwhile.
    await Promise.allSettled([starting]);
    await tearDown(options.dir);
    callOff();
    for (const signal of ENDINGS) process.off(signal, end);
  }
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    // Signals alone do not keep a process alive.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => {
      clearInterval(alive);
      resolve(undefined);
    });
  });
}

/** Until a signal, or until somebody else took the sandbox down. */
async function untilEnded(dir: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && existsSync(stateFile(dir))) await pause(500, signal);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch {
    // Aborted: the loop sees it.
  }
}
