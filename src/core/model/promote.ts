import { z } from 'zod';

/**
 * Whether a server may be the primary. prefer: before all others; yes: as the other rules say; last: only when nobody else can be;
 * no: never.
 */
export const promoteRules = ['prefer', 'yes', 'last', 'no'] as const;
export type PromoteRule = (typeof promoteRules)[number];

/** What was written before: it is read for ever, and never written again. */
const formerWords = { allow: 'yes', 'prefer-not': 'last' } as const;
type FormerWord = keyof typeof formerWords;

export const formerPromoteWords: readonly FormerWord[] = ['allow', 'prefer-not'];

/** A rule in today's words or in former ones. */
export const promoteSchema = z.enum([...promoteRules, 'allow', 'prefer-not']).transform(todaysWord);

function todaysWord(word: PromoteRule | FormerWord): PromoteRule {
  return word === 'allow' || word === 'prefer-not' ? formerWords[word] : word;
}
