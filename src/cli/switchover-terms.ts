import type { Options } from 'yargs';
import { DcmhaError } from '../core/model/errors.ts';
import { usualTerms, type SwitchoverTerms } from '../core/plan/switchover-terms.ts';
import { parseDuration } from './duration.ts';

/** Routers give a hold up by themselves later than this. */
const longestPauseMs = 20_000;

interface TermArgs {
  readonly wait: string;
  readonly maxPause: string;
  readonly drain: string;
  readonly transactions: SwitchoverTerms['transactions'];
}

/** What an operator may say of how the primary moves. */
export const termOptions = {
  wait: {
    type: 'string',
    default: '10s',
    describe:
      'how long the candidate may need to catch up, and long transactions to end, before anything changes',
  },
  maxPause: {
    type: 'string',
    default: '2s',
    describe: 'taken back when clients have waited this long',
  },
  drain: {
    type: 'string',
    default: '50ms',
    describe: 'clients may end what they are in the middle of for so long; 0: they are cut off at once',
  },
  transactions: {
    choices: ['wait', 'kill', 'abort'] as const,
    default: usualTerms.transactions,
    describe: 'transactions open for a second or more: wait for their end, end them, or do not begin',
  },
} as const satisfies Record<string, Options>;

/** Throws `USAGE`. */
export function termsOf({ wait, maxPause, drain, transactions }: TermArgs): SwitchoverTerms {
  const maxPauseMs = parseDuration(maxPause, '--max-pause');
  if (maxPauseMs > longestPauseMs)
    throw new DcmhaError('USAGE', `--max-pause ${maxPause}: at most ${longestPauseMs / 1000} s`);
  const drainMs = drain === '0' ? 0 : parseDuration(drain, '--drain');
  if (drainMs >= maxPauseMs) throw new DcmhaError('USAGE', '--drain must be shorter than --max-pause');
  return { waitMs: parseDuration(wait, '--wait'), maxPauseMs, drainMs, transactions };
}
