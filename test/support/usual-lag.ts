import type { LagPolicy } from '../../src/core/decide/late-readers.ts';

/** As the configuration has it when nobody says anything. */
export const usualLag: LagPolicy = {
  evictMs: 30_000,
  returnMs: 5000,
  holdMs: 10_000,
  maxEvicted: 50,
  lastReader: 'stays',
};
