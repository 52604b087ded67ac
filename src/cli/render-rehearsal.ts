import type { Rehearsal } from '../core/plan/rehearse.ts';

/** A plan's steps, numbered, and how it would end. */
export function renderRehearsal({ steps, ending }: Rehearsal): string {
  const lines = steps.map(
    ({ kind, ...rest }, at) => `${String(at + 1).padStart(2)}  ${kind.padEnd(16)} ${JSON.stringify(rest)}`,
  );
  return [...lines, endOf(ending)].join('\n');
}

function endOf(ending: Rehearsal['ending']): string {
  if (ending.kind === 'blocked') return `would be blocked: ${ending.reason}: ${ending.why}`;
  if (ending.result === 'refused') return `would be refused: ${ending.why ?? ''}`;
  return `would end: primary ${ending.primary ?? 'none'}`;
}
