import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeScratch } from '../../../src/sandbox/scratch.ts';

const dirs: string[] = [];
after(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

const programs = ['mysqld', 'mysql', 'mysqlbinlog', 'mysqldump', 'mysqladmin'];

/** A checkout with the set-up scripts alone, and a MySQL folder whose programs print their pid and arguments. */
function checkout(versionLine = 'mysqld  Ver 8.4.3 for Linux on x86_64 (Source)', made = programs) {
  const scratch = makeScratch();
  dirs.push(scratch);
  const dir = join(scratch, 'mysql wrappers');
  cpSync('scripts/setup', join(dir, 'scripts/setup'), { recursive: true });
  const basedir = join(dir, 'my sql');
  mkdirSync(join(basedir, 'bin'), { recursive: true });
  for (const program of made) {
    const file = join(basedir, 'bin', program);
    const version = `case "$*" in *--version*) echo '${versionLine}'; exit ;; esac`;
    writeFileSync(file, `#!/bin/sh\n${version}\necho $$\nprintf '%s\\n' "$@"\n`);
    chmodSync(file, 0o755);
  }
  return { dir, basedir };
}

function setUp({ dir, basedir }: { dir: string; basedir: string }) {
  const env = { ...process.env, DCMHA_MYSQL_BASEDIR: basedir };
  return spawnSync('bash', [join(dir, 'scripts/setup/mysql.sh')], { encoding: 'utf8', env });
}

function runWrapper(dir: string, program: string, args: readonly string[]) {
  const result = spawnSync(join(dir, '.sandbox/mysql/bin', program), args, { encoding: 'utf8' });
  const [pid, ...printed] = result.stdout.trimEnd().split('\n');
  return { isSameProcess: Number(pid) === result.pid, printed };
}

test('mysqld gets the options that must come first in front, then its folders, then the rest', () => {
  const made = checkout();
  assert.equal(setUp(made).status, 0);
  const args = ['--defaults-file=/x y', '--login-path=a', '--datadir=/d', '--no-defaults'];
  assert.deepEqual(runWrapper(made.dir, 'mysqld', args), {
    isSameProcess: true,
    printed: [
      '--defaults-file=/x y',
      '--login-path=a',
      `--basedir=${made.basedir}`,
      '--secure-file-priv=',
      '--datadir=/d',
      '--no-defaults',
    ],
  });
});

test('mysqld without arguments gets its folders', () => {
  const made = checkout();
  setUp(made);
  const { printed } = runWrapper(made.dir, 'mysqld', []);
  assert.deepEqual(printed, [`--basedir=${made.basedir}`, '--secure-file-priv=']);
});

test('the client programs get their arguments as they are', () => {
  const made = checkout();
  setUp(made);
  for (const program of programs.slice(1)) {
    const expected = { isSameProcess: true, printed: ['--no-defaults', '-e', 'select  1'] };
    assert.deepEqual(runWrapper(made.dir, program, ['--no-defaults', '-e', 'select  1']), expected);
  }
});

test('the version is recorded, and a second run changes nothing and says nothing', () => {
  const made = checkout();
  const file = join(made.dir, '.sandbox/mysql/bin/mysqld');
  assert.match(setUp(made).stdout, /MySQL 8\.4\.3 \(basedir\) is ready/);
  const before = statSync(file).mtimeMs;
  assert.equal(readFileSync(join(made.dir, '.sandbox/mysql/version'), 'utf8'), '8.4.3\n');
  assert.deepEqual([setUp(made).stdout, statSync(file).mtimeMs], ['', before]);
});

const refused: readonly (readonly [string, () => { dir: string; basedir: string }, RegExp])[] = [
  [
    'a folder without mysqld',
    () => ({ ...checkout(), basedir: '/nonexistent' }),
    /^setup: DCMHA_MYSQL_BASEDIR=\/nonexistent has no bin\/mysqld: .*\n$/,
  ],
  [
    'a MySQL that is too old',
    () => checkout('mysqld  Ver 8.0.21 for Linux on x86_64 (Source)'),
    /^setup: MySQL 8\.0\.21 is too old: 8\.0\.22 or newer is needed\n$/,
  ],
  [
    'a folder without the client programs',
    () => checkout(undefined, ['mysqld']),
    /^setup: .* has no mysql: a complete MySQL is needed\n$/,
  ],
  [
    'a MariaDB',
    () => checkout('mysqld  Ver 10.11.6-MariaDB for debian-linux-gnu on x86_64'),
    /^setup: .* is a MariaDB, not MySQL: .*\n$/,
  ],
];

for (const [name, make, message] of refused) {
  test(`${name} is refused in one line, again on the next run`, () => {
    const made = make();
    for (const attempt of [1, 2]) {
      const { status, stderr } = setUp(made);
      assert.equal(status, 1, `attempt ${attempt}`);
      assert.match(stderr, message);
    }
  });
}
