import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls until `check` returns without throwing and not `false`, and returns what it returned.
 * Past the deadline the last failure is thrown, so the test says what was still wrong.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: { readonly timeoutMs: number; readonly everyMs?: number },
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    try {
      const value = await check();
      if (value !== false) return value;
      if (performance.now() > deadline) throw new Error(`still false after ${options.timeoutMs} ms`);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await pause(options.everyMs ?? 100);
  }
}
