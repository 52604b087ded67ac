#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { hideBin } from 'yargs/helpers';
import { exitStatusOf } from './exit-status.ts';
import { printError } from './output.ts';
import { programFor } from './program.ts';

const argv = hideBin(process.argv);

// One signal ends all of a daemon's loops and watches: dozens of listeners are no leak.
setMaxListeners(0);

try {
  await (await programFor(argv)).parseAsync();
} catch (thrown) {
  process.exitCode = exitStatusOf(printError(thrown, argv.includes('--json')));
}
