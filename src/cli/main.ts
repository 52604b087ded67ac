#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { DcmhaError } from '../core/model/errors.ts';
import { commands } from './commands.ts';
import { globalOptions } from './define-command.ts';
import { exitStatusOf } from './exit-status.ts';
import { printError } from './output.ts';

const argv = hideBin(process.argv);

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : 'unknown';
}

const program = yargs(argv)
  .scriptName('dcmha')
  .usage('$0 <command>\n\nHigh availability for groups of MySQL servers over several data centres.')
  .version(version())
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
