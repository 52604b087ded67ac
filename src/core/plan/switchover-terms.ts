import { z } from 'zod';

/** What an operator may say of a planned change. */
export const switchoverTermsSchema = z.object({
  /** The candidate may need this long to catch up, and long transactions to end, before anything changes; ms. */
  waitMs: z.number(),
  /** Undone when new connections have waited this long and nothing is recorded yet, ms. */
  maxPauseMs: z.number(),
  /** Clients may end what they are in the middle of, ms. */
  drainMs: z.number(),
  /** A transaction open for a second or more at the primary: wait for its end, end it, or do not begin. */
  transactions: z.enum(['wait', 'kill', 'abort']),
});
export type SwitchoverTerms = z.infer<typeof switchoverTermsSchema>;

/** What is meant where an operator says nothing. */
export const usualTerms: SwitchoverTerms = {
  waitMs: 10_000,
  maxPauseMs: 2000,
  drainMs: 50,
  transactions: 'wait',
};
