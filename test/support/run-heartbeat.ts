import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { heartbeatCommand } from '../../src/cli/commands/heartbeat.ts';
import { globalOptions } from '../../src/cli/define-command.ts';

/** `dcmha heartbeat` from the sources, without loading the other commands. */
await yargs(hideBin(process.argv)).options(globalOptions).command(heartbeatCommand).parseAsync();
