import type { DcmhaError } from '../../src/core/model/errors.ts';
import type { SimProcess } from './sim-process.ts';

export interface Answer<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: DcmhaError) => void;
}

/** What a process waits for when it asked another: the answer, the deadline (a `late` error), or its own change of mind. */
export function awaitAnswer<T>(
  process: SimProcess,
  options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
    readonly late: () => DcmhaError;
  },
  ask: (answer: Answer<T>) => void,
): Promise<T> {
  const { timeoutMs, signal, late } = options;
  if (signal?.aborted === true) return Promise.reject(late());
  return new Promise((resolve, reject) => {
    const over = (): void => {
      cancel();
      signal?.removeEventListener('abort', giveUp);
    };
    const giveUp = (): void => {
      over();
      reject(late());
    };
    const cancel = process.after(timeoutMs, giveUp);
    signal?.addEventListener('abort', giveUp);
    ask({
      resolve: (value) => {
        over();
        resolve(value);
      },
      reject: (error) => {
        over();
        reject(error);
      },
    });
  });
}
