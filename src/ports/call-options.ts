/** How long one call to a server may take, ms, and what ends it sooner. */
export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}
