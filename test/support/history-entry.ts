import { z } from 'zod';

/** A record of the history, as far as tests look at it; each kind has some of these. */
export const historyEntries = z.array(
  z.looseObject({
    kind: z.string(),
    result: z.string(),
    from: z.string().optional(),
    why: z.string().optional(),
    obstacle: z.string().optional(),
    clonedFrom: z.string().optional(),
    directory: z.string().optional(),
    transactions: z.number().optional(),
    rows: z.number().optional(),
    carriedOver: z.number().optional(),
    lost: z.number().optional(),
    tookMs: z.number().optional(),
    steps: z
      .array(z.looseObject({ step: z.string(), outcome: z.string(), at: z.number(), tookMs: z.number() }))
      .default([]),
  }),
);
export type HistoryEntry = z.infer<typeof historyEntries>[number];
