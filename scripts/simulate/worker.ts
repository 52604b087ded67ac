// One of the processes of `npm run simulate`: runs the seeds that it is sent, one after the other, and sends back what came of each.
import { z } from 'zod';
import { levels } from '../../test/simulate/faults.ts';
import { runSeed } from '../../test/simulate/run-seed.ts';
import { isSeededBug, seededBugs } from '../../test/simulate/seeded-bugs.ts';

// Nobody reads the stacks of the errors that are part of the game, and they take a tenth of the time.
Error.stackTraceLimit = 0;

const order = z.object({
  seeds: z.array(z.number().int()),
  level: z.enum(levels),
  bug: z.string().optional(),
});

process.on('message', (message) => {
  void work(order.parse(message));
});

async function work({ seeds, level, bug }: z.infer<typeof order>): Promise<void> {
  const tamper = bug !== undefined && isSeededBug(bug) ? seededBugs[bug] : {};
  for (const seed of seeds) {
    const { epochs, lost, writes, wellAfterMs, at, returns, remade, violation } = await runSeed({
      seed,
      level,
      tamper,
    });
    process.send?.({ seed, violation, epochs, lost, writes, wellAfterMs, at, returns, remade });
  }
  process.send?.({ isIdle: true });
}
