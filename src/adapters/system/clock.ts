import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../ports/system.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  pause: async (ms, signal) => {
    try {
      await pause(Math.max(0, ms), undefined, { signal });
    } catch {
      // Aborted: the pause is over, and its caller looks at the signal.
    }
  },
  after: (ms, work) => {
    const timer = setTimeout(work, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};
