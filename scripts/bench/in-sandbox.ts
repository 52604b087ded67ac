import { rm } from 'node:fs/promises';
import { tearDown } from '../../src/sandbox/down.ts';
import { defaultOptions, type SandboxOptions } from '../../src/sandbox/layout.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';
import { startSandbox } from '../../src/sandbox/up.ts';
import { startWatchdog } from '../../src/sandbox/watch-parent.ts';

/** A sandbox for one measurement; it ends with it, however that ends. */
export async function inSandbox<T>(
  options: Partial<SandboxOptions>,
  use: (state: SandboxState) => Promise<T>,
): Promise<T> {
  const dir = makeScratch();
  const callOff = startWatchdog(dir, { keep: false });
  try {
    return await use(await startSandbox({ ...defaultOptions, dir, ...options }));
  } finally {
    await tearDown(dir);
    callOff();
    await rm(dir, { recursive: true, force: true });
  }
}
