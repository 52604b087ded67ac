// npm test [-- PHASE|FILE...]: the checks, then the test files phase by phase. The last line is `N passed, N failed`.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { ensureBuilt } from '../test/support/built.ts';
import { checks, filesOf, phases, strayFiles } from './testing/phases.ts';
import { killRunning, runCheck, runFile } from './testing/run-file.ts';
import type { FileResult } from './testing/run-file.ts';
import { renderFailures, renderResult, renderTotal } from './testing/summary.ts';
import { sweepLeftovers } from './testing/sweep.ts';

const usage = `usage: npm test [-- ${['check', ...phases.map(({ name }) => name)].join('|')}|FILE...] [--timeout-s 300] [--root test]`;

interface Options {
  readonly names: readonly string[];
  readonly root: string;
  readonly timeoutMs: number;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    killRunning();
    process.exit(130);
  });
}

const options = readOptions();
const swept = await sweepLeftovers();
if (swept !== undefined) print(`# ${swept}`);
// Once: files that run beside each other would both do it.
await ensureBuilt();
const results = await runAll(options);
const failures = renderFailures(results);
if (failures !== '') print(`\nfailed:\n${failures}`);
print(`\n${renderTotal(results)}`);
process.exitCode = results.some((result) => result.failures.length > 0) ? 1 : 0;

function readOptions(): Options {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        root: { type: 'string', default: 'test' },
        'timeout-s': { type: 'string', default: '300' },
      },
    });
    const timeoutMs = Number(values['timeout-s']) * 1000;
    if (!(timeoutMs > 0))
      throw new Error(`--timeout-s takes a number of seconds, not ${values['timeout-s']}`);
    const unknown = positionals.find((name) => !isPhase(name) && !isTestFile(name));
    if (unknown !== undefined) throw new Error(`${unknown} is neither a phase nor a test file`);
    return { names: positionals, root: values.root, timeoutMs };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    process.exit(64);
  }
}

function isPhase(name: string): boolean {
  return name === 'check' || phases.some((phase) => phase.name === name);
}

function isTestFile(name: string): boolean {
  return name.endsWith('.test.ts') && existsSync(name);
}

async function runAll({ names, root, timeoutMs }: Options): Promise<FileResult[]> {
  const isWanted = (name: string) => names.length === 0 || names.includes(name);
  const done: FileResult[] = [];
  if (isWanted('check')) {
    done.push(...(await runPool('check', checks, 2, (script) => runCheck(script, timeoutMs))));
    done.push(...strayFiles(root).map(strayResult));
  }
  for (const { name, concurrency } of phases.filter((phase) => isWanted(phase.name))) {
    done.push(...(await runPool(name, filesOf(root, name), concurrency, (file) => runFile(file, timeoutMs))));
  }
  done.push(...(await runPool('files', names.filter(isTestFile), 1, (file) => runFile(file, timeoutMs))));
  return done;
}

function strayResult(name: string): FileResult {
  const message = `belongs to no phase: move it below ${phases.map((phase) => phase.name).join(', ')}`;
  return {
    name,
    passed: 0,
    skipped: 0,
    failures: [{ name: 'the file', message }],
    output: '',
    durationMs: 0,
  };
}

async function runPool(
  title: string,
  items: readonly string[],
  concurrency: number,
  runOne: (item: string) => Promise<FileResult>,
): Promise<FileResult[]> {
  if (items.length === 0) return [];
  print(`# ${title}`);
  const finished: FileResult[] = [];
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const result = await runOne(item);
      print(renderResult(result));
      finished.push(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return finished;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
