import { z } from 'zod';

/** Where the binlog of a server that is down is cut: `file` is its last one, `at` the offset of the first errant transaction there. */
export const cutPlace = z.object({ file: z.string(), at: z.number() });
export type CutPlace = z.infer<typeof cutPlace>;

/**
 * What comes before mysqld is started, and right after. InnoDB's recovery commits what it has prepared and finds in the binlog, and rolls
 * back what it does not find there: exactly, whatever it was. Each is safe to perform twice.
 */
export const cutSteps = [
  /** Copies the errant transactions out of the binlog. */
  z.object({ kind: z.literal('save-tail') }),
  z.object({ kind: z.literal('cut'), ...cutPlace.shape }),
  /** Asks the server that was started which of them it holds all the same: those that it had committed before it died. */
  z.object({ kind: z.literal('recover') }),
] as const;

export const cutOutcomes = [
  z.object({ kind: z.literal('tail-saved'), directory: z.string() }),
  z.object({ kind: z.literal('cut') }),
  /** Everything is still in the binlog, and taken back from the copy. */
  z.object({ kind: z.literal('not-cut'), why: z.string() }),
  /** What the server has executed, and what of it has to be taken back; '' for nothing. */
  z.object({ kind: z.literal('recovered'), own: z.string(), errant: z.string() }),
] as const;
