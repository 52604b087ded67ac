import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { marker } from '../../scripts/testing/leftovers.ts';
import { ownTag, tagOf, type OwnerTag } from '../../src/sandbox/ownership.ts';
import {
  commandLine,
  findMarked,
  identify,
  sendSignal,
  spawnDetached,
  stateOf,
} from '../../src/sandbox/process.ts';
import { PROJECT } from '../../src/sandbox/project.ts';
import { makeScratch } from '../../src/sandbox/scratch.ts';
import { tryReadState, type SandboxState } from '../../src/sandbox/state.ts';
import { eventually } from '../support/eventually.ts';

// Namespaces and mounts are root's.
const isRoot = process.getuid?.() === 0;

let scratch = '';
before(async () => {
  scratch = makeScratch();
  await writeFile(path.join(scratch, 'package.json'), '{ "type": "module" }');
  await mkdir(path.join(scratch, 'unit'));
  await writeFile(
    path.join(scratch, 'unit/quick.test.ts'),
    `import { test } from 'node:test'; test('quick', () => {});`,
  );
  await mkdir(path.join(scratch, 'integration'));
  await writeFile(path.join(scratch, 'integration/halted.test.ts'), haltedFile());
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A test file that has a sandbox with all that may be left of one, a disk that hangs among it, and waits for its end. */
function haltedFile(): string {
  const support = path.join(PROJECT, 'test/support');
  return `
    import { writeFileSync } from 'node:fs';
    import { test } from 'node:test';
    import { startSandbox } from '${support}/sandbox.ts';
    import { SmallDisk } from '${support}/small-disk.ts';
    test('is cut short', async () => {
      const sandbox = await startSandbox({ bare: true, hosts: 1, isolated: ${isRoot} });
      if (${isRoot}) {
        await sandbox.kill('mysqld', undefined, 'TERM');
        const disk = await SmallDisk.under(sandbox.state.processes.find(({ kind }) => kind === 'mysqld').datadir, 300);
        await sandbox.start('mysqld');
        await disk.freeze();
      }
      writeFileSync('${path.join(scratch, 'ready')}', sandbox.dir);
      await new Promise(() => setInterval(() => {}, 1e6));
    });`;
}

/** A runner in the middle of that file. */
async function haltedRunner(): Promise<{ runner: ChildProcess; tag: OwnerTag; sandbox: SandboxState }> {
  await rm(path.join(scratch, 'ready'), { force: true });
  const runner = runTests('integration');
  const id = identify(runner.pid ?? 0);
  assert.ok(id !== undefined);
  const dir = await eventually(() => readFile(path.join(scratch, 'ready'), 'utf8'), { timeoutMs: 90_000 });
  const sandbox = await tryReadState(dir);
  assert.ok(sandbox !== undefined);
  return { runner, tag: tagOf(id), sandbox };
}

function runTests(phase: string): ChildProcess {
  const argv = ['--import', 'tsx', path.join(PROJECT, 'scripts/run-tests.ts'), '--root', scratch, phase];
  return spawn(process.execPath, argv, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'inherit'] });
}

const startedBy = (tag: OwnerTag) => findMarked((id) => id.startsWith(`${tag}-`), marker);

/** What a sandbox, and the runner that it belonged to, have on this machine. */
async function remains({
  tag,
  sandbox,
}: {
  tag: OwnerTag;
  sandbox: SandboxState;
}): Promise<readonly string[]> {
  const listed = (dir: string) => (existsSync(dir) ? readdirSync(dir) : []);
  const third = sandbox.network.split('.')[2] ?? '';
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  return [
    ...startedBy(tag).map((process) => `process: ${commandLine(process).join(' ')}`),
    ...listed(tmpdir()).filter(
      (name) => name.includes(sandbox.id) || name.includes(path.basename(sandbox.dir)),
    ),
    ...listed(tmpdir()).filter((name) => name.includes(`-${tag}-`)),
    ...listed(path.join(tmpdir(), 'dcmha-sandbox-networks')).filter((name) => name === sandbox.network),
    ...listed('/run/netns').filter((name) => name.startsWith(`dcmha-${sandbox.network}.`)),
    ...listed('/sys/class/net').filter((name) => name === `dcmha${third}` || name.startsWith(`dc${third}-`)),
    ...mounts.filter((point) => point.includes(path.basename(sandbox.dir))),
  ];
}

test('a runner that is killed takes its test file with it, and the watchdog all that this had', async () => {
  const halted = await haltedRunner();
  halted.runner.kill('SIGKILL');
  await eventually(
    async () =>
      assert.deepEqual(
        (await remains(halted)).filter((one) => !one.includes(halted.tag)),
        [],
      ),
    { timeoutMs: 30_000 },
  );
});

test('what is left when the watchdogs are killed, too, goes with the next run, and nothing of others', async () => {
  const halted = await haltedRunner();
  const isWatchdog = (argv: readonly string[]) => argv.some((word) => /\/watchdog\.[jt]s$/.test(word));
  for (const one of startedBy(halted.tag)) if (isWatchdog(commandLine(one))) sendSignal(one, 'SIGKILL');
  halted.runner.kill('SIGKILL');
  const isFile = (argv: readonly string[]) => argv.some((word) => word.endsWith('/halted.test.ts'));
  await eventually(() => !startedBy(halted.tag).some((one) => isFile(commandLine(one))), {
    timeoutMs: 10_000,
  });

  const kinds = (await remains(halted)).join('\n');
  for (const kind of [/process: java/, /process: .*mysqld/, new RegExp(path.basename(halted.sandbox.dir))])
    assert.match(kinds, kind);
  if (isRoot)
    for (const kind of [/^dcmha-198\.18\.\d+\.11$/m, /^dcmha\d+$/m, /^dc\d+-11$/m, /hosts.*data$/m])
      assert.match(kinds, kind);

  const bystander = await livingBystander();
  const next = runTests('unit');
  let output = '';
  next.stdout?.on('data', (bytes) => (output += String(bytes)));
  await eventually(() => next.exitCode !== null, { timeoutMs: 60_000 });
  assert.equal(next.exitCode, 0, output);
  assert.match(output, /^# killed runs had left \d+ processes and \d+ directories: removed\n# unit\n/);
  assert.deepEqual(await remains(halted), []);
  assert.equal(stateOf(bystander.process), 'running');
  assert.ok(existsSync(bystander.dir));
  sendSignal(bystander.process, 'SIGKILL');
  await rm(bystander.dir, { recursive: true });
});

/** What a runner that goes on has: a directory, and a process. */
async function livingBystander() {
  const dir = makeScratch();
  const argv = ['env', `${marker}=${ownTag()}-1`, 'sleep', '120'];
  return {
    dir,
    process: await spawnDetached({ argv, cwd: dir, log: path.join(dir, 'log'), diesWithParent: true }),
  };
}
