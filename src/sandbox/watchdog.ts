import { tearDown } from './down.ts';

/** Run by the shell that {@link startWatchdog} leaves behind, once the process that it watched has ended. */
const dir = process.argv[2];
if (dir !== undefined) await tearDown(dir, { keep: process.argv[3] === 'keep' });
