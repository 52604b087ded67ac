#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { DcmhaError } from '../core/model/errors.ts';
import { commands } from './commands.ts';
import { globalOptions } from './define-command.ts';
import { exitStatusOf } from './exit-status.ts';
import { printError } from './output.ts';
import { programVersion } from './version.ts';

const argv = hideBin(process.argv);

const program = yargs(argv)
  .scriptName('dcmha')
  .usage('$0 <command>\n\nHigh availability for groups of MySQL servers over several data centres.')
  .version(programVersion())
  .options(globalOptions)
  .strict()
  .demandCommand(1, 'name a command; dcmha --help lists them')
  .recommendCommands()
  .wrap(Math.min(120, process.stdout.columns || 100))
  .exitProcess(false)
  // yargs' own complaints are plain errors about the call.
  .fail((message: string | null, error: Error | null) => {
    const cause =
      error instanceof DcmhaError
        ? error
        : new DcmhaError('USAGE', message ?? error?.message ?? 'wrong call');
    process.exitCode = exitStatusOf(printError(cause, argv.includes('--json')));
  });
for (const command of commands) program.command(command);
await program.parseAsync();
