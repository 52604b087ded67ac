import yargs, { type Argv } from 'yargs';
import { DcmhaError } from '../core/model/errors.ts';
import { commands } from './commands.ts';
import { globalOptions, valuedFlags } from './define-command.ts';
import { programVersion } from './version.ts';

/** The command tree as far as `argv` needs it; its parsing throws `USAGE` for a wrong call, before any handler runs. */
export async function programFor(argv: readonly string[]): Promise<Argv> {
  const program = yargs([...argv])
    .scriptName('dcmha')
    .usage('$0 <command>\n\nHigh availability for groups of MySQL servers over several data centres.')
    .version(programVersion())
    .options(globalOptions)
    .requiresArg(valuedFlags(globalOptions))
    .strict()
    .demandCommand(1, 'name a command; dcmha --help lists them')
    .recommendCommands()
    .wrap(Math.min(120, process.stdout.columns || 100))
    .exitProcess(false)
    // yargs' own complaints are plain errors about the call; thrown, so that no handler runs after one.
    .fail((message: string | null, error: Error | null) => {
      if (error instanceof DcmhaError) throw error;
      const said = message ?? error?.message ?? 'wrong call';
      throw new DcmhaError('USAGE', said.trim().replaceAll(/\s*\n\s*/g, ' '));
    });
  const named = argv.find((word) => Object.hasOwn(commands, word));
  // Without a known command it is help, or a mistake that wants a suggestion: then all of them are needed, each once.
  const wanted = named === undefined && !argv.includes('--version') ? Object.keys(commands) : [named ?? ''];
  for (const name of wanted.filter((one) => one !== 'setmaster' || named !== undefined)) {
    const command = await commands[name]?.();
    if (command !== undefined) program.command(command);
  }
  return program;
}
