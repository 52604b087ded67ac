/** How {@link inTurn} does its work. */
interface Turns<T, R> {
  readonly run: (item: T) => Promise<R>;
  /** Whether the next one is begun after this. */
  readonly goesOn: (result: R) => boolean;
  /** What is said of one that was not begun. */
  readonly left: (item: T) => R;
}

/**
 * Does `items` in their order, at most `parallel` at a time. SIGINT and SIGTERM let those end that run and begin no other; a second one ends
 * the program.
 */
export async function inTurn<T, R>(
  items: readonly T[],
  parallel: number,
  { run, goesOn, left }: Turns<T, R>,
): Promise<readonly R[]> {
  const results = new Map<T, R>();
  const waiting = [...items];
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
    process.stderr.write('no other one is begun; what runs is waited for\n');
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      if (isStopped) {
        results.set(item, left(item));
        continue;
      }
      const result = await run(item);
      results.set(item, result);
      isStopped ||= !goesOn(result);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  process.off('SIGINT', stop).off('SIGTERM', stop);
  return items.flatMap((item) => results.get(item) ?? []);
}
