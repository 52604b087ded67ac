import type { LagPolicy } from '../../src/core/decide/late-readers.ts';
import type { SemiSyncPolicy } from '../../src/core/decide/semi-sync.ts';
import type { PlacementPolicy } from '../../src/core/decide/read-placement.ts';

/** As the configuration has it when nobody says anything. */
export const usualLag: LagPolicy = {
  evictMs: 30_000,
  returnMs: 5000,
  holdMs: 10_000,
  maxEvicted: 50,
  lastReader: 'stays',
};

/** The servers' settings are the operator's. */
export const noSemiSync: SemiSyncPolicy = { mode: 'off', durability: 'any', acks: 0, timeoutMs: 1000 };

/** Of a router that was not told where it is. */
export const usualReads: PlacementPolicy = { dc: '', order: 'local-first', weights: 'fixed', lag: usualLag };
