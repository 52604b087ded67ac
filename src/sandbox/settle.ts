/** Waits for all, then throws the first failure: when it throws, nothing is under way any more. */
export async function settleAll<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
}
