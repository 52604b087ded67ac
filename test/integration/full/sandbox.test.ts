import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { hasCode } from '../../../src/core/model/errors.ts';
import { tearDown } from '../../../src/sandbox/down.ts';
import { defaultOptions } from '../../../src/sandbox/layout.ts';
import { leaseNetwork } from '../../../src/sandbox/network.ts';
import { findMarked } from '../../../src/sandbox/process.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { stateFile } from '../../../src/sandbox/state.ts';
import { startSandbox as bringUp } from '../../../src/sandbox/up.ts';
import { eventually } from '../../support/eventually.ts';
import { hostOf, startSandbox, type TestSandbox } from '../../support/sandbox.ts';

// Servers only: what dcmha does with them is tested elsewhere.
const bare = { bare: true, hosts: 1 } as const;

let scratch = '';
let sandbox: TestSandbox;

before(async () => {
  scratch = makeScratch();
  sandbox = await startSandbox({ bare: true, hosts: 2, dir: path.join(scratch, 'shared') });
});

after(async () => {
  await sandbox[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

const marked = (dir: string) => findMarked((mark) => mark.endsWith(`@${dir}`));
const stateOf = async (id: string) =>
  (await sandbox.status()).processes.find((process) => process.id === id)?.state;

test('status names each process with its address, pid, directory and log', async () => {
  const { processes, groups, zookeeper, config } = await sandbox.status();
  assert.deepEqual(
    processes.map(({ kind, state }) => `${kind} ${state}`),
    ['zookeeper running', 'mysqld running', 'mysqld running'],
  );
  for (const { pid, log, datadir, host, port } of processes) {
    assert.ok(pid !== null && existsSync(`/proc/${pid}`));
    assert.ok(existsSync(log) && existsSync(String(datadir)));
    assert.match(`${host}:${port}`, /^127\.0\.\d+\.\d+:(2181|3306)$/);
  }
  assert.equal(groups[0]?.members.length, 2);
  assert.match(zookeeper, /^127\.0\.\d+\.1:2181$/);
  assert.ok(existsSync(config));
});

test('servers come up read-only, durable, with GTIDs, their own uuid and nothing executed', async () => {
  const rows = await Promise.all(
    sandbox
      .group()
      .members.map((at) =>
        sandbox.query(
          at,
          'SELECT @@server_uuid AS uuid, @@super_read_only AS ro, @@gtid_mode AS gtid, @@gtid_executed AS executed, @@sync_binlog AS flush',
        ),
      ),
  );
  assert.equal(new Set(rows.map(([row]) => String(row?.['uuid']))).size, 2);
  for (const [row] of rows) {
    const { ro, gtid, executed, flush } = row!;
    assert.deepEqual([ro, gtid, executed, flush], [1, 'ON', '', 1]);
  }
});

test('accounts have passwords of this sandbox, in files for their owner only', async () => {
  const at = sandbox.group().members[0]!;
  assert.deepEqual(await sandbox.query(at, 'SELECT CURRENT_USER() AS me', 'app'), [{ me: 'app@%' }]);
  const init = path.join(sandbox.dir, 'hosts', hostOf(at), 'init.sql');
  assert.equal(await readFile(init, 'utf8'), '', 'no password is left beside the server');
  assert.ok((await sandbox.query(at, 'SELECT user FROM mysql.user', 'admin')).length > 5);
});

test('kill -9 stops a server and start brings it back with its data', async () => {
  const at = sandbox.group().members[0]!;
  const id = `mysqld-${hostOf(at)}`;
  await sandbox.query(at, ['SET GLOBAL read_only = 0', 'CREATE TABLE app.kept (a INT)'], 'dcmha');
  await assert.rejects(sandbox.query(at, 'INSERT INTO app.kept VALUES (1)', 'admin'), { errno: 1142 });
  assert.deepEqual(await sandbox.kill('mysqld', at), [id]);
  assert.equal(await stateOf(id), 'stopped');
  assert.deepEqual(await sandbox.start('mysqld', at), [id]);
  const [row] = await sandbox.query(
    at,
    'SELECT COUNT(*) AS n, @@super_read_only AS ro FROM app.kept',
    'dcmha',
  );
  assert.deepEqual(row, { n: 0, ro: 1 });
});

test('a stopped process is shown as paused, and start wakes it', async () => {
  const at = sandbox.group().members[1]!;
  await sandbox.kill('mysqld', at, 'STOP');
  await eventually(async () => (await stateOf(`mysqld-${hostOf(at)}`)) === 'paused', { timeoutMs: 2000 });
  await sandbox.start('mysqld', at);
  assert.equal((await sandbox.query(at, 'SELECT 1 AS one'))[0]?.['one'], 1);
});

test('zookeeper can be killed and started', async () => {
  assert.deepEqual(await sandbox.kill('zookeeper'), ['zookeeper-1']);
  assert.deepEqual(await sandbox.start('zookeeper'), ['zookeeper-1']);
});

const refusals: readonly (readonly [string, () => Promise<unknown>, string])[] = [
  ['an unknown host', () => sandbox.kill('mysqld', '127.0.0.9'), 'NOT_FOUND'],
  ['a kind of which there are several', () => sandbox.kill('mysqld'), 'USAGE'],
  ['a second sandbox in the same directory', () => startSandbox({ ...bare, dir: sandbox.dir }), 'USAGE'],
  ['a directory with files of others', () => bringUp({ ...defaultOptions, ...bare, dir: '/etc' }), 'USAGE'],
  ['more hosts than addresses', () => startSandbox({ ...bare, dir: scratch, hosts: 41 }), 'USAGE'],
];

for (const [what, ask, code] of refusals) {
  test(`refuses ${what} with ${code}`, async () => {
    await assert.rejects(ask(), (error) => hasCode(error, 'USAGE', 'NOT_FOUND') && error.code === code);
    assert.equal(await stateOf('zookeeper-1'), 'running');
  });
}

test('two sandboxes never share addresses, and a lease excludes both', async () => {
  await using other = await startSandbox({ ...bare, dir: path.join(scratch, 'other') });
  await using lease = await leaseNetwork();
  assert.equal(new Set([sandbox.state.network, other.state.network, lease.prefix]).size, 3);
});

test('a start that fails leaves no process, and the directory can be used again', async () => {
  const dir = path.join(scratch, 'failing');
  const broken = { mysqlOptions: { no_such_option: 1 } };
  await assert.rejects(bringUp({ ...defaultOptions, ...bare, dir, ...broken }), /mysqld .* ended at once/);
  assert.deepEqual(marked(dir), []);
  await bringUp({ ...defaultOptions, ...bare, dir });
  assert.equal(marked(dir).length, 2);
  assert.deepEqual(await tearDown(dir), { killed: 2, removed: true });
});

test('down ends all of a sandbox whose directory was moved, and does nothing the second time', async () => {
  const dir = path.join(scratch, 'before');
  const moved = path.join(scratch, 'after');
  await bringUp({ ...defaultOptions, ...bare, dir });
  await rename(dir, moved);
  assert.deepEqual(await tearDown(moved), { killed: 2, removed: true });
  assert.deepEqual(marked(dir), []);
  assert.deepEqual(await tearDown(moved), { killed: 0, removed: false });
});

test('down ends all of a sandbox that has lost its state file', async () => {
  const dir = path.join(scratch, 'amnesiac');
  await bringUp({ ...defaultOptions, ...bare, dir });
  await writeFile(stateFile(dir), '{ half');
  assert.deepEqual(await tearDown(dir), { killed: 2, removed: false });
});

test('down never touches a process that was given the pid of one of ours', async () => {
  const dir = path.join(scratch, 'reused');
  const state = await bringUp({ ...defaultOptions, ...bare, dir });
  await using bystander = sleeper();
  const record = path.join(state.processes[1]!.dir, 'mysqld.process.json');
  await writeFile(record, JSON.stringify({ pid: bystander.pid, startTicks: '1' }));
  assert.equal((await tearDown(dir)).killed, 2);
  assert.equal(bystander.exitCode ?? bystander.signalCode, null);
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
  test(`up --foreground tears all down when it ends by ${signal}`, async () => {
    const dir = path.join(scratch, `foreground-${signal}`);
    await using child = foreground(dir);
    await eventually(() => child.stdout.includes('up'), { timeoutMs: 30_000 });
    assert.equal(marked(dir).length, 2);
    child.process.kill(signal);
    await eventually(() => marked(dir).length === 0 && !existsSync(dir), { timeoutMs: 15_000 });
  });
}

test('up --foreground ends when somebody else takes it down', async () => {
  const dir = path.join(scratch, 'foreground-down');
  await using child = foreground(dir);
  await eventually(() => child.stdout.includes('up'), { timeoutMs: 30_000 });
  await tearDown(dir);
  await eventually(() => child.process.exitCode === 0, { timeoutMs: 10_000 });
});

test('a start whose process is killed leaves nothing running', async () => {
  const dir = path.join(scratch, 'cut');
  await using child = foreground(dir);
  await eventually(() => marked(dir).length > 0, { timeoutMs: 20_000, everyMs: 5 });
  child.process.kill('SIGKILL');
  await eventually(() => marked(dir).length === 0 && !existsSync(dir), { timeoutMs: 15_000 });
});

function sleeper(): ChildProcess & AsyncDisposable {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  return Object.assign(child, {
    [Symbol.asyncDispose]: () => {
      child.kill('SIGKILL');
      return Promise.resolve();
    },
  });
}

function foreground(dir: string) {
  const script = path.join(import.meta.dirname, '../../support/foreground-sandbox.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const told = {
    process: child,
    stdout: '',
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await tearDown(dir);
    },
  };
  child.stdout.on('data', (bytes) => (told.stdout += String(bytes)));
  return told;
}
