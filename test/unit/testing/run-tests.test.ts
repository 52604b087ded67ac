import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const head = `
import { spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
`;

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly total: string;
  readonly status: number;
  readonly says?: RegExp;
}

const cases: readonly Case[] = [
  {
    name: 'passing and skipped tests are counted, suites are not',
    files: {
      'unit/a.test.ts': `describe('suite', () => { it('one', () => {}); it('two', () => {}); it.skip('three', () => {}); });`,
    },
    total: '2 passed, 0 failed, 1 skipped',
    status: 0,
  },
  {
    name: 'a file whose only suite is skipped is no file without tests',
    files: { 'unit/a.test.ts': `describe('suite', { skip: 'not here' }, () => { it('one', () => {}); });` },
    total: '0 passed, 0 failed, 1 skipped',
    status: 0,
  },
  {
    name: 'a failing test is counted once, not again for its suite, and named with its message',
    files: {
      'unit/a.test.ts': `describe('suite', () => { it('one', () => {}); it('sums', () => assert.equal(1, 2, 'no sum')); });`,
    },
    total: '1 passed, 1 failed',
    status: 1,
    says: /unit\/a\.test\.ts: suite > sums\n.*no sum/,
  },
  {
    name: 'a file that ends itself early is a failure',
    files: { 'unit/a.test.ts': `console.log('a last word'); process.exit(3);` },
    total: '0 passed, 1 failed',
    status: 1,
    says: /ended with 3(.|\n)*a last word/,
  },
  {
    name: 'a file that cannot be read by the compiler is a failure',
    files: { 'unit/a.test.ts': `test('x', () => {` },
    total: '0 passed, 1 failed',
    status: 1,
  },
  {
    name: 'a file without tests is a failure',
    files: { 'unit/a.test.ts': `assert.ok(true);` },
    total: '0 passed, 1 failed',
    status: 1,
    says: /has no tests/,
  },
  {
    name: 'a file that takes too long is killed, and the test it was in is named',
    files: {
      'unit/a.test.ts': `test('quick', () => {}); test('endless', () => new Promise(() => setInterval(() => {}, 1e6)));`,
    },
    args: ['--timeout-s', '4'],
    total: '1 passed, 1 failed',
    status: 1,
    says: /took longer than 4 s in: endless/,
  },
  {
    name: 'a process that outlives its file is killed and is a failure',
    files: {
      'unit/a.test.ts': `test('leaves one', () => { spawn('sleep', ['4242'], { detached: true, stdio: 'ignore' }).unref(); });`,
    },
    total: '1 passed, 1 failed',
    status: 1,
    says: /left processes running(.|\n)*sleep 4242/,
  },
  {
    name: 'only the phases that are named run, in their order',
    files: {
      'unit/a.test.ts': `test('a', () => {});`,
      'scenario/b.test.ts': `test('b', () => {});`,
      'fault/c.test.ts': `test('c', () => {});`,
    },
    args: ['fault', 'unit'],
    total: '2 passed, 0 failed',
    status: 0,
    says: /# unit\n.*\n# fault\n/,
  },
];

for (const { name, files, args = [], total, status, says = /./ } of cases) {
  test(name, async () => {
    const root = makeScratch();
    try {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, path)), { recursive: true });
        await writeFile(join(root, path), head + text);
      }
      const phases = args.some((arg) => !arg.startsWith('-') && Number.isNaN(Number(arg))) ? [] : ['unit'];
      const run = await runTests(['--root', root, ...phases, ...args]);
      assert.equal(run.output.trimEnd().split('\n').at(-1), total, run.output);
      assert.equal(run.status, status);
      assert.match(run.output, says);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
}

test('an unknown phase is a usage error', async () => {
  const { status, output } = await runTests(['unti']);
  assert.equal(status, 64);
  assert.match(output, /unti is neither a phase nor a test file\nusage: /);
});

function runTests(args: readonly string[]): Promise<{ output: string; status: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/run-tests.ts', ...args]);
    let output = '';
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (status) => resolve({ output, status }));
  });
}
