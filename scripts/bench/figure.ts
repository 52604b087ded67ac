/** A measured number with what it should be. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly best: number;
  readonly target?: number;
  readonly isMet: boolean;
  /** What the number was made of, for the reader. */
  readonly detail: string;
}

interface FigureSpec {
  readonly name: string;
  readonly unit: string;
  readonly target?: number | undefined;
  readonly detail: string;
}

/** More is better. The best run is the one that other programs disturbed least, so it is held against the target. */
export function figureOf(numbers: readonly number[], { target, ...spec }: FigureSpec): Figure {
  const middle = median(numbers);
  return {
    ...spec,
    median: middle,
    best: Math.max(...numbers),
    ...(target !== undefined && { target }),
    isMet: target === undefined || Math.max(...numbers) >= target,
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

export function renderFigure({ name, unit, median: middle, best, target, isMet, detail }: Figure): string {
  const wanted = target === undefined ? '' : `, wanted ${target} ${unit}: ${isMet ? 'met' : 'MISSED'}`;
  return `${name}: median ${digits(middle)} ${unit}, best ${digits(best)} ${unit}${wanted} (${detail})`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
