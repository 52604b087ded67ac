#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { DcmhaError } from '../core/model/errors.ts';
import { commands } from './commands.ts';
import { globalOptions } from './define-command.ts';
import { exitStatusOf } from './exit-status.ts';
import { printError } from './output.ts';
import { programVersion } from './version.ts';

const argv = hideBin(process.argv);

// One signal ends all of a daemon's loops and watches: dozens of listeners are no leak.
setMaxListeners(0);

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
  // yargs' own complaints are plain errors about the call; thrown, so that no handler runs after one.
  .fail((message: string | null, error: Error | null) => {
    throw error instanceof DcmhaError
      ? error
      : new DcmhaError('USAGE', message ?? error?.message ?? 'wrong call');
  });
const named = argv.find((word) => Object.hasOwn(commands, word));
// Without a known command it is help, or a mistake that wants a suggestion: then all of them are needed, each once.
const wanted = named === undefined && !argv.includes('--version') ? Object.keys(commands) : [named ?? ''];
for (const name of wanted.filter((one) => one !== 'setmaster' || named !== undefined)) {
  const command = await commands[name]?.();
  if (command !== undefined) program.command(command);
}
try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = exitStatusOf(printError(thrown, argv.includes('--json')));
}
