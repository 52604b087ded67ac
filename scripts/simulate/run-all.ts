import { fork, type ChildProcess } from 'node:child_process';
import { z } from 'zod';
import type { Level } from '../../test/simulate/faults.ts';

const outcome = z.object({
  seed: z.number(),
  violation: z.string().optional(),
  epochs: z.number(),
  lost: z.number(),
  writes: z.number(),
  wellAfterMs: z.number(),
  at: z.number(),
  returns: z.number(),
  remade: z.number(),
});
/** What came of one seed. */
export type Outcome = z.infer<typeof outcome>;

export interface Campaign {
  readonly from: number;
  readonly seeds: number;
  readonly level: Level;
  readonly bug: string | undefined;
  readonly workers: number;
  /** After so many failing seeds nothing more is begun. */
  readonly enough: number;
}

const PER_ORDER = 20;

/** Runs many seeds in processes of their own; `told` of each as it ends. */
export async function runAll(campaign: Campaign, told: (outcome: Outcome) => void): Promise<void> {
  const { from, seeds, level, bug, enough } = campaign;
  let next = from;
  let failed = 0;
  const take = (): readonly number[] => {
    if (failed >= enough) return [];
    const first = next;
    next = Math.min(from + seeds, first + PER_ORDER);
    return Array.from({ length: next - first }, (_, at) => first + at);
  };
  const tell = (one: Outcome): void => {
    if (one.violation !== undefined) failed += 1;
    told(one);
  };
  const workers = Array.from({ length: campaign.workers }, () =>
    employ({ take, tell, order: { level, bug } }),
  );
  await Promise.all(workers);
}

interface Employment {
  readonly take: () => readonly number[];
  readonly tell: (outcome: Outcome) => void;
  readonly order: { readonly level: Level; readonly bug: string | undefined };
}

/** Resolves when there is nothing more to take. */
function employ({ take, tell, order }: Employment): Promise<void> {
  const worker: ChildProcess = fork(new URL('worker.ts', import.meta.url), {
    // Little of what a world makes lives long: a small space for it stays in the processor's cache.
    execArgv: [...process.execArgv, '--max-semi-space-size=8'],
  });
  return new Promise((resolve, reject) => {
    const more = (): void => {
      const seeds = take();
      if (seeds.length === 0) worker.disconnect();
      else worker.send({ seeds, ...order });
    };
    worker.on('message', (message) => {
      const parsed = outcome.safeParse(message);
      if (parsed.success) tell(parsed.data);
      else more();
    });
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker ended with status ${String(code)}`));
    });
    more();
  });
}
