// `make clean`: what the runner does at its start, without a run.
import { sweepLeftovers } from './testing/sweep.ts';

const told = await sweepLeftovers();
if (told !== undefined) process.stdout.write(`${told}\n`);
