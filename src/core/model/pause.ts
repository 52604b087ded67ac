/** An operator wants a group, or one host, left alone. Times in ms since 1970. */
export interface Pause {
  readonly by: string;
  readonly why: string;
  readonly at: number;
  /** The pause ends by itself then. */
  readonly until?: number | undefined;
}

/** Whether a pause is in force at `now` (ms since 1970). */
export function isPaused(pause: Pause | undefined, now: number): boolean {
  return pause !== undefined && (pause.until === undefined || now < pause.until);
}

const longestWarningMs = 600_000;
/** A short pause is not warned of from its beginning. */
const warnedShare = 0.25;

/** From when on the operator is told that a pause is about to end; undefined for one that ends by hand only. */
export function warnFrom({ at, until }: Pause): number | undefined {
  return until === undefined ? undefined : until - Math.min(longestWarningMs, (until - at) * warnedShare);
}
