import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { createProcessWatch, isReadOnly } from '../../../src/adapters/system/process.ts';
import { makeScratch } from '../../../src/sandbox/scratch.ts';
import { eventually } from '../../support/eventually.ts';

const dir = makeScratch();
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

/** A program called mysqld: a copy of `sleep`. */
function startMysqld(): { readonly child: ChildProcess; readonly pid: number } {
  const program = path.join(dir, 'mysqld');
  copyFileSync('/bin/sleep', program);
  const child = spawn(program, ['1000'], { stdio: 'ignore' });
  children.push(child);
  assert.ok(child.pid);
  return { child, pid: child.pid };
}

function writePidFile(text: string): string {
  const file = path.join(dir, `pid.${Math.random()}`);
  writeFileSync(file, text);
  return file;
}

test('a mysqld is alive until it is killed, and then gone, with its pid file or without', async () => {
  const watch = createProcessWatch();
  const { child, pid } = startMysqld();
  const file = writePidFile(`${pid}\n`);
  await eventually(async () => assert.deepEqual(await watch.look(file), { kind: 'alive', pid }), {
    timeoutMs: 2000,
  });
  process.kill(pid, 'SIGSTOP');
  const halted = { kind: 'alive', pid, halted: true };
  await eventually(async () => assert.deepEqual(await watch.look(file), halted), { timeoutMs: 2000 });
  process.kill(pid, 'SIGCONT');
  await eventually(async () => assert.deepEqual(await watch.look(file), { kind: 'alive', pid }), {
    timeoutMs: 2000,
  });
  const copy = `${file}.link`;
  symlinkSync(file, copy);
  unlinkSync(file);
  assert.deepEqual(await watch.look(file), { kind: 'alive', pid }, 'remembered');
  assert.equal((await watch.look(copy)).kind, 'unknown', 'another file, never read');
  const ended = once(child, 'exit');
  assert.equal(await watch.kill(pid), true);
  await ended;
  assert.equal((await watch.look(file)).kind, 'gone');
  writeFileSync(file, String(pid));
  assert.equal((await watch.look(file)).kind, 'gone');
  assert.equal(await watch.kill(pid), false);
});

test('a pid that never was mysqld proves nothing, and is not killed', async () => {
  const watch = createProcessWatch();
  const file = writePidFile(String(process.pid));
  assert.equal((await watch.look(file)).kind, 'unknown');
  assert.equal(await watch.kill(process.pid), false);
  assert.equal((await watch.look(writePidFile('1'))).kind, 'unknown');
});

test('a pid that nobody has is gone', async () => {
  const state = await createProcessWatch().look(writePidFile('4194304'));
  assert.equal(state.kind, 'gone');
});

test('a pid file that is no pid file says nothing', async () => {
  const watch = createProcessWatch();
  for (const text of ['', '0', '-1', 'abc', '12 34', '99999999999999999999']) {
    assert.equal((await watch.look(writePidFile(text))).kind, 'unknown', text);
  }
  assert.equal((await watch.look(path.join(dir, 'nowhere'))).kind, 'unknown');
});

test('a mount is read-only by its own options or by those of its file system', async () => {
  const mountinfo = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro',
    '30 22 8:2 / /var/lib/mysql rw,relatime shared:2 - ext4 /dev/sdb1 ro,errors=remount-ro',
    '31 22 8:3 / /srv ro,relatime - xfs /dev/sdc1 rw',
    '32 22 8:4 / /mnt/with\\040space rw - ext4 /dev/sdd1 rw,emergency_ro',
    '33 22 8:5 / /data ro - ext4 /dev/sde1 rw',
    '34 33 8:6 / /data rw - ext4 /dev/sdf1 rw',
  ].join('\n');
  const table: readonly (readonly [string, boolean])[] = [
    ['/', false],
    ['/var/lib', false],
    ['/var/lib/mysql', true],
    ['/var/lib/mysql/data', true],
    ['/var/lib/mysql2', false],
    ['/srv/x', true],
    ['/mnt/with space/x', true],
    ['/data', false],
  ];
  for (const [directory, expected] of table)
    assert.equal(isReadOnly(directory, mountinfo), expected, directory);
  const watch = createProcessWatch();
  assert.equal(await watch.readOnlyMount(dir), false);
  assert.equal(await watch.readOnlyMount('/proc/sys/nowhere'), false);
});
