// npm run simulate [-- --seeds 1000 --from 1 --level none|kills|partitions|zookeeper --workers 2 --enough 5 --bug NAME]: the real
// coordinators, agents and routers in simulated worlds; each seed is one world with its faults. A seed that breaks a promise is printed with
// the fewest of its faults that do, and how to see that again: --seed N [--faults 0,2] [--trace].
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { describeFault, drawFaults, levels, type Fault } from '../test/simulate/faults.ts';
import { runSeed, type RunOptions } from '../test/simulate/run-seed.ts';
import { isSeededBug, seededBugs } from '../test/simulate/seeded-bugs.ts';
import { placesOf, shrink, traceOf } from '../test/simulate/shrink.ts';
import { describeShape, shapeOf } from '../test/simulate/world.ts';
import { runAll, type Outcome } from './simulate/run-all.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    level: { type: 'string', default: 'zookeeper' },
    workers: { type: 'string', default: String(availableParallelism()) },
    enough: { type: 'string', default: '5' },
    bug: { type: 'string' },
    seed: { type: 'string' },
    faults: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const known = levels.find((one) => one === values.level);
const numbers = [values.seeds, values.from, values.workers, values.enough, values.seed ?? '1'].map(Number);
if (
  known === undefined ||
  (values.bug !== undefined && !isSeededBug(values.bug)) ||
  !numbers.every((number) => Number.isSafeInteger(number) && number >= 1)
) {
  const bugs = Object.keys(seededBugs).join('|');
  process.stderr.write(
    `usage: npm run simulate -- [--seeds 1000] [--from 1] [--level ${levels.join('|')}] [--workers 2] [--enough 5] [--bug ${bugs}]\n` +
      '       npm run simulate -- --seed 1 [--faults 0,2] [--trace]\n',
  );
  process.exit(64);
}
const level = known;
const bug = values.bug !== undefined && isSeededBug(values.bug) ? values.bug : undefined;
const tamper = bug === undefined ? {} : seededBugs[bug];
const again = `${level === 'zookeeper' ? '' : ` --level ${level}`}${bug === undefined ? '' : ` --bug ${bug}`}`;
Error.stackTraceLimit = 0;

const isFine = values.seed === undefined ? await many() : await one(Number(values.seed));
process.exitCode = isFine ? 0 : 1;

async function many(): Promise<boolean> {
  const began = performance.now();
  const done: Outcome[] = [];
  const campaign = {
    from: Number(values.from),
    seeds: Number(values.seeds),
    workers: Number(values.workers),
    enough: Number(values.enough),
    level,
    bug,
  };
  await runAll(campaign, (outcome) => {
    done.push(outcome);
    if (outcome.violation !== undefined) say(`seed ${outcome.seed}: ${outcome.violation}`);
  });
  const failed = done.filter(({ violation }) => violation !== undefined).sort((a, b) => a.seed - b.seed);
  for (const { seed } of failed.slice(0, campaign.enough)) await explain(seed);
  const seconds = (performance.now() - began) / 1000;
  const virtualHours = sum(done.map(({ at }) => at)) / 3_600_000;
  say(`${done.length} seeds in ${seconds.toFixed(1)} s, ${virtualHours.toFixed(1)} h of virtual time`);
  say(
    `${sum(done.map(({ epochs }) => epochs))} changes of the primary, ${sum(done.map(({ writes }) => writes))} writes`,
  );
  say(
    `${sum(done.map(({ lost }) => lost))} acknowledged writes lost with a record that says so (asynchronous, host gone)`,
  );
  say(
    `${sum(done.map(({ returns }) => returns))} returns with transactions that nobody else had, ${sum(done.map(({ remade }) => remade))} servers made anew`,
  );
  const slowest = done.toSorted((a, b) => b.wellAfterMs - a.wellAfterMs).slice(0, 5);
  say(`all well again after ${(slowest[0]?.wellAfterMs ?? 0) / 1000} s at most`);
  say(
    `slowest: ${slowest.map(({ seed, wellAfterMs }) => `seed ${seed} ${wellAfterMs / 1000} s`).join(', ')}`,
  );
  say(failed.length === 0 ? 'no promise was broken' : `${failed.length} seeds broke a promise`);
  return failed.length === 0;
}

async function one(seed: number): Promise<boolean> {
  const options = { seed, level, tamper, faults: chosen(seed) };
  if (values.trace) for (const line of await traceOf(options)) say(line);
  const { violation } = await runSeed(options);
  say(violation ?? `seed ${seed}: no promise was broken`);
  return violation === undefined;
}

function chosen(seed: number): Fault[] {
  const drawn = drawFaults(seed, level);
  if (values.faults === undefined) return drawn;
  const places = values.faults.split(',').filter((text) => text !== '');
  return places.flatMap((text) => drawn[Number(text)] ?? []);
}

/** The smallest form of a failing seed. */
async function explain(seed: number): Promise<void> {
  const drawn = drawFaults(seed, level);
  const options: RunOptions = { seed, level, tamper, faults: drawn };
  const smallest = await shrink(await runSeed(options), { level, tamper });
  const faults = placesOf(smallest.faults, drawn).join(',');
  say(`  ${describeShape(shapeOf(seed))}`);
  for (const fault of smallest.faults) say(`  ${describeFault(fault)}`);
  say(`  npm run simulate -- --seed ${seed} --faults '${faults}'${again} --trace`);
  for (const line of await traceOf({ ...options, faults: smallest.faults })) say(`    ${line}`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
