import type { Argv, CommandModule, InferredOptionTypes, Options } from 'yargs';
import { DcmhaError } from '../core/model/errors.ts';
import { exitStatusOf } from './exit-status.ts';
import { printError } from './output.ts';

/** The flags that every command takes. */
export const globalOptions = {
  config: { type: 'string', describe: 'configuration file', default: process.env['DCMHA_CONFIG'] },
  json: { type: 'boolean', default: false, describe: 'print one JSON document' },
} as const satisfies Record<string, Options>;

export type GlobalArgs = InferredOptionTypes<typeof globalOptions>;

interface CommandSpec<O extends Record<string, Options>> {
  readonly command: string;
  readonly aliases?: readonly string[];
  readonly describe: string;
  /** What it does in full, for `--help`: what it changes, when to use it, how to take it back. */
  readonly help?: string;
  readonly options: O;
  readonly examples?: readonly [command: string, description?: string][];
  readonly run: (args: InferredOptionTypes<O> & GlobalArgs) => Promise<void>;
}

/** A yargs command whose failures are one clear line, a stable code and the exit status of its family. */
export function defineCommand<O extends Record<string, Options>>(spec: CommandSpec<O>): CommandModule {
  return {
    command: spec.command,
    ...(spec.aliases === undefined ? {} : { aliases: spec.aliases }),
    describe: spec.describe,
    builder: (argv: Argv) => {
      const built = argv.options(spec.options).requiresArg(valuedFlags(spec.options));
      if (spec.help !== undefined) built.usage(`$0 ${spec.command}\n\n${spec.help}`);
      if (spec.examples !== undefined) built.example(spec.examples);
      return built;
    },
    handler: async (args) => {
      try {
        refuseNoNumbers(spec.options, args);
        // yargs has checked the types that the options declare; its own handler type forgets them.
        await spec.run(args as unknown as InferredOptionTypes<O> & GlobalArgs);
      } catch (thrown) {
        process.exitCode = exitStatusOf(printError(thrown, args['json'] === true));
      }
    },
  };
}

/** Flags that want a word: named alone, one would be an empty word, and a command would go a long way with it. */
export function valuedFlags(options: Record<string, Options>): readonly string[] {
  return Object.entries(options).flatMap(([name, { type }]) =>
    type === 'string' || type === 'number' ? [name] : [],
  );
}

/** yargs makes NaN of a word where a number is wanted, which every comparison passes over. */
function refuseNoNumbers(options: Record<string, Options>, args: Readonly<Record<string, unknown>>): void {
  for (const [name, { type }] of Object.entries(options)) {
    if (type !== 'number' || !Number.isNaN(args[name])) continue;
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new DcmhaError('USAGE', `--${flag} takes a number`);
  }
}
