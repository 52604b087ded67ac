import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import { policySetting, withSetting } from '../../../src/config/group-policy.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { commands } from '../../../src/cli/commands.ts';
import { programFor } from '../../../src/cli/program.ts';
import { PROJECT } from '../../../src/sandbox/project.ts';
import { codeOf, commandsIn, variantsOf } from '../../support/documented-commands.ts';

const names = ['README.md', 'README.zh-CN.md', 'docs/operations.md', 'docs/design.md'] as const;
const read = (name: string) => readFileSync(path.join(PROJECT, name), 'utf8');
const documents = names.map((name) => ({ name, document: read(name) }));

class Accepted extends Error {}

/** What the command line says to a call, without doing it; undefined: it would be done. */
async function complaint(words: readonly string[]): Promise<string | undefined> {
  const program = await programFor(words);
  try {
    await program
      .middleware(() => {
        throw new Accepted();
      })
      .fail((message: string | null, error: Error | null) => {
        throw error ?? new Error(message ?? '');
      })
      .parseAsync();
    return 'nothing would be done';
  } catch (thrown) {
    return thrown instanceof Accepted ? undefined : String(thrown);
  }
}

/** The same of what is named in passing: without what else it needs. */
async function complaintOfPart(words: readonly string[]): Promise<string | undefined> {
  const said = await complaint(words);
  const missing = /Missing required arguments?: (.*)/.exec(said ?? '')?.[1];
  if (missing !== undefined)
    return complaintOfPart([...missing.split(', ').flatMap((name) => [`--${name}`, '1']), ...words]);
  return (said ?? '').includes('Not enough arguments following') ? complaintOfPart([...words, '1']) : said;
}

/** Some take what is to be done as their first word, and name all of these in their description. */
async function actionFault([command = '', action = '']: readonly string[]): Promise<string | undefined> {
  const module = await commands[command]?.();
  const takesAction = String(module?.command).includes('action');
  if (!takesAction || action === '' || action.startsWith('--')) return undefined;
  const known = `${String(module?.command)} ${String(module?.describe)}`;
  return command === 'sandbox' || new RegExp(`\\b${action}\\b`).test(known)
    ? undefined
    : `no action ${action}`;
}

describe('every command line of the documents is one', () => {
  for (const { name, document } of documents)
    for (const { words, text, isWhole } of commandsIn(name, document))
      it(text, async () => {
        assert.equal(await (isWhole ? complaint : complaintOfPart)(words), undefined);
        assert.equal(await actionFault(words), undefined);
        const [command, action, , , key = '', value = ''] = words;
        if (command !== 'policy' || !key.includes('.')) return;
        const row = policySetting(key);
        if (action === 'set') withSetting({}, row, value, configSchema.parse({}));
      });
});

/** Named without the program's name: `addmeta --from H2`. */
const fragments = documents.flatMap(({ name, document }) =>
  codeOf(document)
    .filter(
      ({ code, block }) => !block && Object.hasOwn(commands, code.split(' ')[0] ?? '') && code.includes(' '),
    )
    .flatMap(({ line, code }) => variantsOf(code).map((variant) => ({ at: `${name}:${line}`, variant }))),
);
describe('what is named of a command belongs to it', () => {
  for (const { at, variant } of fragments)
    it(`${at} ${variant}`, async () => assert.equal(await complaintOfPart(variant.split(' ')), undefined));
});

test('every flag that is named alone belongs to a command, or to a script', async () => {
  const scripts = readdirSync(path.join(PROJECT, 'scripts'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(path.join('scripts', file)))
    .join('\n');
  const isOfScript = (flag: string) => new RegExp(`\\b'?${flag.slice(2)}'?: \\{`).test(scripts);
  const named = documents.flatMap(({ document }) =>
    codeOf(document).flatMap(({ code, block }) =>
      !block && code.startsWith('--') ? (code.match(/--[a-z-]+/g) ?? []) : [],
    ),
  );
  for (const flag of new Set(named)) {
    if (flag === '--help' || isOfScript(flag)) continue;
    // Some want a word before it.
    const calls = Object.keys(commands).flatMap((command) => [[command], [command, 'up']]);
    const answers = await Promise.all(calls.map((words) => complaintOfPart([...words, flag])));
    assert.ok(
      answers.some((said) => said === undefined || said.includes('Invalid values')),
      `no command knows ${flag}`,
    );
  }
});

test('every npm script and make target that is named exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const targets = new Set([...read('Makefile').matchAll(/^([a-z-]+):/gm)].map(([, target]) => target));
  for (const { document } of documents)
    for (const { code } of codeOf(document)) {
      const script = /^npm run (?:-s )?([a-z:]+)/.exec(code)?.[1] ?? /^bench:[a-z]+$/.exec(code)?.[0];
      const file = /[\w/-]+\.ts/.exec(scripts[script ?? ''] ?? '')?.[0];
      if (script !== undefined) assert.ok(file !== undefined, `npm run ${script}`);
      const target = /^make ([a-z-]+)/.exec(code)?.[1];
      if (target !== undefined) assert.ok(targets.has(target), `make ${target}`);
    }
});

test('both languages name the same commands', () => {
  const [english, chinese] = documents.slice(0, 2).map(({ name, document }) =>
    commandsIn(name, document)
      .map(({ words }) =>
        words.map((word, at) => (/^--(?:why|host)$/.test(words[at - 1] ?? '') ? '' : word)).join(' '),
      )
      .sort(),
  );
  assert.deepEqual(chinese, english);
  assert.ok((english?.length ?? 0) > 30);
});
